/** Every architecture by timm's name. The families are in files beside this one, their variants rows there. */

import { usageError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import type { Define, Definition, DefinitionOptions, Family } from "./definition.ts";

const families: readonly Family[] = [];

export const architectures: ReadonlyMap<string, Define> = new Map(families.flatMap((family) => [...family]));

/**
 * The definition of an architecture.
 *
 * @param name timm's: `resnet50`
 * @throws GraftError (`usage`) for an unknown name, with those most like it; for options that the architecture cannot have
 */
export function define(name: string, options: DefinitionOptions = {}): Definition {
  const found = architectures.get(name);
  if (found) return found(options);
  const near = nearest(name, [...architectures.keys()]);
  throw usageError(`There is no architecture "${name}": the nearest are ${near.join(", ")}.`);
}

/** Every architecture by timm's name. The families are in files beside this one, their variants rows there. */

import { usageError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import type { Define, Definition, DefinitionOptions, Family } from "./definition.ts";
import { inceptionV3 } from "./inception-v3.ts";
import { mobilenetV2 } from "./mobilenet-v2.ts";
import { resnet } from "./resnet.ts";
import { vgg } from "./vgg.ts";

const families: readonly Family[] = [vgg, resnet, inceptionV3, mobilenetV2];

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

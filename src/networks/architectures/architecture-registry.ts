/** Every architecture by timm's name, collected from the files of the families. */

import { usageError } from "../../base/errors.ts";
import { nearest } from "../../base/text.ts";
import { convnext } from "./convnext.ts";
import type { Define, Definition, DefinitionOptions, Family } from "./definition.ts";
import { efficientnet } from "./efficientnet.ts";
import { inceptionV3 } from "./inception-v3.ts";
import { mobilenetV2 } from "./mobilenet-v2.ts";
import { mobilenetV3 } from "./mobilenet-v3.ts";
import { resnet } from "./resnet.ts";
import { vgg } from "./vgg.ts";
import { vit } from "./vit.ts";

const families: readonly Family[] = [vgg, resnet, inceptionV3, mobilenetV2, mobilenetV3, efficientnet, convnext, vit];

export const architectures: ReadonlyMap<string, Define> = new Map(families.flatMap((family) => [...family]));

/**
 * The definition of an architecture.
 *
 * @param name timm's: `resnet50`
 * @throws GraftError (`usage`) for an unknown name, with suggestions, and for options that the architecture does not support
 */
export function define(name: string, options: DefinitionOptions = {}): Definition {
  const found = architectures.get(name);
  if (found) return found(options);
  const near = nearest(name, [...architectures.keys()]);
  throw usageError(`Unknown architecture "${name}"; did you mean ${near.join(", ")}?`);
}

/** Which libraries publish weights for which architectures, and the naming of each. */
import type { Definition } from "../../architectures/definition.ts";
import { kerasConvnext, torchvisionConvnext } from "./convnext.ts";
import { kerasInceptionV3 } from "./inception-v3.ts";
import {
  kerasEfficientnet,
  kerasMobilenetV2,
  kerasMobilenetV3,
  torchvisionEfficientnet,
  torchvisionMobilenetV2,
  torchvisionMobilenetV3,
} from "./mobile.ts";
import { type Naming, type NamingKind, timm } from "./naming.ts";
import { kerasResnet } from "./resnet.ts";
import { kerasVgg, torchvisionVgg } from "./vgg.ts";
import { torchvisionVit } from "./vit.ts";

/** A library's naming for a group of architectures; `of` takes a definition in the library's dialect. */
export interface NamingRow {
  readonly kind: NamingKind;
  /** By timm's names. */
  readonly architectures: RegExp;
  readonly of: (definition: Definition) => Naming;
}

const rows: readonly NamingRow[] = [
  { kind: "timm", architectures: /./, of: timm },
  // For resnet and inception_v3, torchvision's names are timm's.
  { kind: "torchvision", architectures: /^vgg/, of: torchvisionVgg },
  { kind: "torchvision", architectures: /^mobilenetv2_/, of: torchvisionMobilenetV2 },
  { kind: "torchvision", architectures: /^mobilenetv3_/, of: torchvisionMobilenetV3 },
  { kind: "torchvision", architectures: /^efficientnet_/, of: torchvisionEfficientnet },
  { kind: "torchvision", architectures: /^convnext_/, of: torchvisionConvnext },
  { kind: "torchvision", architectures: /^vit_\w+_patch16_/, of: torchvisionVit },
  { kind: "keras", architectures: /^vgg1[69]$/, of: kerasVgg },
  { kind: "keras", architectures: /^resnet(50|101|152)$/, of: kerasResnet },
  { kind: "keras", architectures: /^inception_v3$/, of: kerasInceptionV3 },
  { kind: "keras", architectures: /^mobilenetv2_\d+$/, of: kerasMobilenetV2 },
  { kind: "keras", architectures: /^mobilenetv3_(large|small)_100$/, of: kerasMobilenetV3 },
  { kind: "keras", architectures: /^efficientnet_/, of: kerasEfficientnet },
  { kind: "keras", architectures: /^convnext_/, of: kerasConvnext },
];

/** All namings of an architecture's parameters, timm's first. */
export const namingsOf = (architecture: string): readonly NamingRow[] =>
  rows.filter(({ architectures }) => architectures.test(architecture));

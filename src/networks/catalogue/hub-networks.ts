/**
 * The networks with timm's weights on a Hugging Face hub: one row each. A test checks parameters and multiply-adds against the graphs.
 */
import { preprocessingPresets, stretched } from "../preprocessing/preprocessing.ts";
import type { EntryFrom } from "./catalogue-entry.ts";

/** The source of the accuracies, measured at the row's input size with timm's own crop. */
const TOP1_SOURCE = "timm, results/results-imagenet.csv (8 August 2026)";

const APACHE = "Apache-2.0";

/** How weights were trained, by timm's tag, with their licence as timm states it. */
const recipes = {
  tv_in1k: { training: "trained on ImageNet by torchvision", licence: "BSD-3-Clause" },
  a1_in1k: { training: "trained on ImageNet by timm's recipe A1", licence: APACHE },
  a1h_in1k: { training: "trained on ImageNet by timm's recipe A1, harder", licence: APACHE },
  lamb_in1k: { training: "trained on ImageNet by timm with LAMB", licence: APACHE },
  ra_in1k: { training: "trained on ImageNet by timm with RandAugment", licence: APACHE },
  ra2_in1k: { training: "trained on ImageNet by timm with RandAugment", licence: APACHE },
  ra4_e3600_r240_in1k: { training: "trained on ImageNet by timm for 3,600 epochs", licence: APACHE },
  fb_in1k: { training: "trained on ImageNet by its authors", licence: APACHE },
  augreg_in21k_ft_in1k: { training: "trained on ImageNet-21k, then on ImageNet, by its authors", licence: APACHE },
  augreg2_in21k_ft_in1k: {
    training: "trained on ImageNet-21k by its authors, then on ImageNet by timm",
    licence: APACHE,
  },
  lvd142m: {
    training: "trained by its authors on 142 million images without labels; it has no classifier",
    licence: APACHE,
  },
} as const satisfies Record<string, { readonly training: string; readonly licence: string }>;

type Row = readonly [
  architecture: string,
  title: string,
  /** timm's tag of the weights. */
  recipe: keyof typeof recipes,
  /** In pixels. */
  inputSize: number,
  normalisation: keyof typeof preprocessingPresets,
  features: number,
  parameters: number,
  multiplyAdds: number,
  top1Percent?: number,
];

/** The networks by family. */
const families: Readonly<Record<string, readonly Row[]>> = {
  resnet: [
    ["resnet18", "ResNet-18", "a1_in1k", 224, "imagenet", 512, 11_689_512, 1_814_073_344, 71.504],
    ["resnet34", "ResNet-34", "a1_in1k", 224, "imagenet", 512, 21_797_672, 3_663_761_408, 76.42],
    ["resnet50", "ResNet-50", "a1_in1k", 224, "imagenet", 2_048, 25_557_032, 4_089_184_256, 80.382],
    ["resnet101", "ResNet-101", "a1h_in1k", 224, "imagenet", 2_048, 44_549_160, 7_801_405_440, 81.95],
    ["resnet152", "ResNet-152", "a1h_in1k", 224, "imagenet", 2_048, 60_192_808, 11_513_626_624, 82.818],
  ],
  vgg: [
    ["vgg11", "VGG-11", "tv_in1k", 224, "imagenet", 4_096, 132_863_336, 7_609_090_048, 69.05],
    ["vgg13", "VGG-13", "tv_in1k", 224, "imagenet", 4_096, 133_047_848, 11_308_466_176, 69.95],
    ["vgg16", "VGG-16", "tv_in1k", 224, "imagenet", 4_096, 138_357_544, 15_470_264_320, 71.594],
    ["vgg19", "VGG-19", "tv_in1k", 224, "imagenet", 4_096, 143_667_240, 19_632_062_464, 72.4],
    ["vgg11_bn", "VGG-11 with batch norm", "tv_in1k", 224, "imagenet", 4_096, 132_868_840, 7_609_090_048, 70.374],
    ["vgg13_bn", "VGG-13 with batch norm", "tv_in1k", 224, "imagenet", 4_096, 133_053_736, 11_308_466_176, 71.56],
    ["vgg16_bn", "VGG-16 with batch norm", "tv_in1k", 224, "imagenet", 4_096, 138_365_992, 15_470_264_320, 73.354],
    ["vgg19_bn", "VGG-19 with batch norm", "tv_in1k", 224, "imagenet", 4_096, 143_678_248, 19_632_062_464, 74.23],
  ],
  inception: [["inception_v3", "Inception V3", "tv_in1k", 299, "inception", 2_048, 23_834_568, 5_713_216_096, 77.472]],
  mobilenetv2: [
    [
      "mobilenetv2_050",
      "MobileNetV2, half as wide",
      "lamb_in1k",
      224,
      "imagenet",
      1_280,
      1_968_680,
      97_131_840,
      65.928,
    ],
    ["mobilenetv2_100", "MobileNetV2", "ra_in1k", 224, "imagenet", 1_280, 3_504_872, 300_774_272, 72.91],
    [
      "mobilenetv2_110d",
      "MobileNetV2, wider and deeper (1.1 times, 1.2 times)",
      "ra_in1k",
      224,
      "imagenet",
      1_280,
      4_516_520,
      430_516_080,
      75.056,
    ],
    [
      "mobilenetv2_120d",
      "MobileNetV2, wider and deeper (1.2 times, 1.4 times)",
      "ra_in1k",
      224,
      "imagenet",
      1_280,
      5_831_144,
      668_857_568,
      77.3,
    ],
    [
      "mobilenetv2_140",
      "MobileNetV2, 1.4 times as wide",
      "ra_in1k",
      224,
      "imagenet",
      1_792,
      6_108_776,
      582_195_824,
      76.528,
    ],
  ],
  mobilenetv3: [
    [
      "mobilenetv3_small_050",
      "MobileNetV3 small, half as wide",
      "lamb_in1k",
      224,
      "imagenet",
      1_024,
      1_593_224,
      24_188_688,
      57.918,
    ],
    [
      "mobilenetv3_small_075",
      "MobileNetV3 small, three quarters as wide",
      "lamb_in1k",
      224,
      "imagenet",
      1_024,
      2_041_872,
      43_399_344,
      65.284,
    ],
    ["mobilenetv3_small_100", "MobileNetV3 small", "lamb_in1k", 224, "imagenet", 1_024, 2_542_856, 56_510_400, 67.636],
    ["mobilenetv3_large_100", "MobileNetV3 large", "ra_in1k", 224, "imagenet", 1_280, 5_483_032, 216_589_760, 75.784],
  ],
  efficientnet: [
    ["efficientnet_b0", "EfficientNet-B0", "ra_in1k", 224, "imagenet", 1_280, 5_288_548, 385_814_752, 77.698],
    [
      "efficientnet_b1",
      "EfficientNet-B1",
      "ra4_e3600_r240_in1k",
      240,
      "inception",
      1_280,
      7_794_184,
      686_802_832,
      80.404,
    ],
    ["efficientnet_b2", "EfficientNet-B2", "ra_in1k", 256, "imagenet", 1_408, 9_109_994, 859_853_760, 79.324],
    ["efficientnet_b3", "EfficientNet-B3", "ra2_in1k", 288, "imagenet", 1_536, 12_233_232, 1_589_198_096, 81.472],
  ],
  convnext: [
    ["convnext_tiny", "ConvNeXt tiny", "fb_in1k", 224, "imagenet", 768, 28_589_128, 4_455_531_264, 82.066],
    ["convnext_small", "ConvNeXt small", "fb_in1k", 224, "imagenet", 768, 50_223_688, 8_683_712_256, 83.144],
  ],
  vit: [
    [
      "vit_tiny_patch16_224",
      "Vision transformer, tiny",
      "augreg_in21k_ft_in1k",
      224,
      "inception",
      192,
      5_717_416,
      1_253_683_200,
      75.452,
    ],
    [
      "vit_small_patch16_224",
      "Vision transformer, small",
      "augreg_in21k_ft_in1k",
      224,
      "inception",
      384,
      22_050_664,
      4_598_882_304,
      81.402,
    ],
    [
      "vit_base_patch16_224",
      "Vision transformer, base",
      "augreg2_in21k_ft_in1k",
      224,
      "inception",
      768,
      86_567_656,
      17_563_828_224,
      85.108,
    ],
    [
      "vit_small_patch14_dinov2",
      "DINOv2, vision transformer, small",
      "lvd142m",
      224,
      "imagenet",
      384,
      21_628_800,
      6_123_561_984,
    ],
  ],
};

/** The names of networks that are not called like their architecture. */
const names: Readonly<Record<string, string>> = {
  resnet50: "resnet50.a1_in1k",
  inception_v3: "inception_v3.tv_in1k",
};

/** Licences other than the recipe's, by architecture. */
const licences: Readonly<Record<string, string>> = { inception_v3: APACHE };

/**
 * The entry of a row. Size and normalisation belong to the weights. Graft always stretches the whole image, because what is cropped
 * cannot be learned from; `npm run bench -- cuts` compares.
 */
function entryOf(family: string, row: Row): EntryFrom<"hub"> {
  const [architecture, title, recipe, inputSize, normalisation, features, parameters, multiplyAdds, percent] = row;
  return {
    name: names[architecture] ?? architecture,
    family,
    description: `${title}, ${recipes[recipe].training}.`,
    licence: licences[architecture] ?? recipes[recipe].licence,
    source: { kind: "hub", repo: `timm/${architecture}.${recipe}`, file: "model.safetensors", revision: "main" },
    architecture,
    preprocessing: stretched(inputSize, preprocessingPresets[normalisation]),
    inputSize,
    features,
    parameters,
    multiplyAdds,
    top1: percent === undefined ? undefined : { percent, source: TOP1_SOURCE },
    download: 4 * parameters,
  };
}

/** Every network of the hub. */
export const hubNetworks: readonly EntryFrom<"hub">[] = Object.entries(families).flatMap(([family, rows]) =>
  rows.map((row) => entryOf(family, row)),
);

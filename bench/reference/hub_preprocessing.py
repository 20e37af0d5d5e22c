"""Writes hub_preprocessing.json: what timm and transformers make of an image that is drawn by a rule, given the
configurations that repositories hold, for src/networks/preprocessing/hub-preprocessing.test.ts.

    python bench/reference/hub_preprocessing.py > bench/reference/hub_preprocessing.json && npm run format

Needs timm, torchvision and transformers. Every case holds each `step`-th number of the network's input [3, S, S].
"""

import json
import sys

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:  # A torchvision whose compiled part does not fit this torch: its transforms need none of it.
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor a, Tensor b, float c) -> Tensor")

import timm
import transformers
from PIL import Image
from pillow_resize import picture
from timm.data import create_transform
from transformers.models.beit.image_processing_pil_beit import BeitImageProcessorPil
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.levit.image_processing_pil_levit import LevitImageProcessorPil
from transformers.models.mobilenet_v2.image_processing_pil_mobilenet_v2 import MobileNetV2ImageProcessorPil
from transformers.models.poolformer.image_processing_pil_poolformer import PoolFormerImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

WIDTH, HEIGHT = 300, 225
COUNT = 150
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
HALF = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
OF_TRANSFORMERS = {"image_mean": IMAGENET["mean"], "image_std": IMAGENET["std"]}

TIMM = [
    {"input_size": [3, 224, 224], "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "center", **IMAGENET},
    {"input_size": [3, 224, 224], "interpolation": "bilinear", "crop_pct": 0.875, **IMAGENET},
    {"input_size": [3, 299, 299], "interpolation": "bicubic", "crop_pct": 0.875, "crop_mode": "center", **HALF},
    {"input_size": [3, 96, 96], "interpolation": "bicubic", "crop_pct": 1.0, "crop_mode": "squash", **HALF},
]
TRANSFORMERS = [
    # google/vit-base-patch16-224
    (ViTImageProcessorPil, {"size": {"height": 224, "width": 224}, "resample": 2, "do_normalize": True, "do_resize": True,
                            "image_mean": [0.5] * 3, "image_std": [0.5] * 3}),
    # an old one: a number, no do_rescale
    (ViTImageProcessorPil, {"size": 96, "resample": 3, **OF_TRANSFORMERS}),
    # rescaled otherwise, not normalised
    (ViTImageProcessorPil, {"size": 64, "resample": 2, "do_rescale": True, "rescale_factor": 1 / 127.5, "do_normalize": False}),
    (ViTImageProcessorPil, {"size": 64, "resample": 2, "do_rescale": False, "do_normalize": True,
                            "image_mean": [120.0, 110.0, 100.0], "image_std": [60.0, 50.0, 40.0]}),
    # microsoft/resnet-50
    (ConvNextImageProcessorPil, {"size": 224, "crop_pct": 0.875, "resample": 3, **OF_TRANSFORMERS}),
    # facebook/convnext-*-384
    (ConvNextImageProcessorPil, {"size": {"shortest_edge": 384}, "crop_pct": 0.875, "resample": 3, **OF_TRANSFORMERS}),
    # facebook/dinov2-small
    (BitImageProcessorPil, {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "resample": 3,
                            "do_center_crop": True, "do_resize": True, "do_rescale": True, **OF_TRANSFORMERS}),
    # google/mobilenet_v2_1.0_224
    (MobileNetV2ImageProcessorPil, {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224},
                                    "do_center_crop": True, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}),
    (BeitImageProcessorPil, {"size": 224, "crop_size": 224, "do_center_crop": False, "resample": 3, **OF_TRANSFORMERS}),
    (PoolFormerImageProcessorPil, {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224},
                                   "crop_pct": 0.9, "do_center_crop": True, "resample": 3, **OF_TRANSFORMERS}),
    (LevitImageProcessorPil, {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224},
                              "do_center_crop": True, "resample": 3, **OF_TRANSFORMERS}),
]


def case(kind, config, pixels):
    step = pixels.numel() // COUNT
    values = [round(float(value), 5) for value in pixels.flatten()[::step]]
    return {"kind": kind, "config": config, "shape": list(pixels.shape), "step": step, "values": values}


def main():
    image = Image.fromarray(picture(HEIGHT, WIDTH))
    cases = [
        case("timm", config, create_transform(**{**config, "input_size": tuple(config["input_size"])})(image))
        for config in TIMM
    ]
    for processor, config in TRANSFORMERS:
        pixels = processor(**config)(image, return_tensors="pt")["pixel_values"][0]
        name = processor.__name__.removesuffix("Pil")
        cases.append(case("transformers", {"image_processor_type": name, **config}, pixels))
    versions = {"timm": timm.__version__, "transformers": transformers.__version__}
    json.dump({**versions, "width": WIDTH, "height": HEIGHT, "cases": cases}, sys.stdout)


main()

#!/usr/bin/env python3
"""What a Python user would run: torchvision's transforms on Pillow images, with the numbers of Graft's `standard`.

    python torchvision_views.py --size 224 --views 4 PICTURE...

Prints one JSON object: views per second on one thread, decoding not counted.
"""
import argparse
import json
import time

import torch
from PIL import Image


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--views", type=int, default=4)
    args = parser.parse_args()
    try:  # torchvision wheels built for CUDA lack these two operators beside a CPU-only torch
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        pass
    from torchvision import transforms

    torch.set_num_threads(1)
    bilinear = transforms.InterpolationMode.BILINEAR
    augment = transforms.Compose(
        [
            transforms.RandomResizedCrop(args.size, scale=(0.5, 1)),
            transforms.RandomHorizontalFlip(),
            transforms.RandomRotation(8, interpolation=bilinear),
            transforms.ColorJitter(0.2, 0.2, 0.2),
        ]
    )
    pictures = [Image.open(path).convert("RGB") for path in args.pictures]
    for picture in pictures[:10]:
        augment(picture)
    began = time.perf_counter()
    for picture in pictures:
        for _ in range(args.views):
            augment(picture)
    seconds = time.perf_counter() - began
    print(json.dumps({"viewsPerSecond": len(pictures) * args.views / seconds}))


if __name__ == "__main__":
    main()

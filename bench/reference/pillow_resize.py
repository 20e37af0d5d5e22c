"""Writes pillow_resize.json: what Pillow makes of an image that is drawn by a rule, for src/networks/preprocessing/preprocessing.test.ts.

    python bench/reference/pillow_resize.py > bench/reference/pillow_resize.json

Needs Pillow and NumPy. Every case holds each `step`-th byte of the resized (and cropped) image [S, S, 3] in base64.
"""

import base64
import json
import math
import sys

import numpy as np
import PIL
from PIL import Image

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}

# width, height, side, fraction (None: stretch)
CASES = [
    (300, 225, 224, None),
    (1200, 900, 224, None),
    (80, 100, 224, None),
    (224, 224, 224, None),
    (37, 500, 32, None),
    (1, 1, 8, None),
    (3, 2, 24, None),
    (300, 225, 224, 0.875),
    (225, 300, 224, 0.875),
    (263, 199, 160, 0.9),
    (301, 227, 33, 0.875),
    (100, 80, 99, 0.95),
    (640, 480, 224, 1.0),
]


def picture(height, width):
    """Ramps, edges, moiré and noise, in whole numbers."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    checks = (x // 9 + y // 7) % 2 * 97
    noise = x * y % 31 * 3 + (x * x + y * 5 + c * 11) % 17 * 5
    return ((x * 7 + y * 13 + c * 29 + checks + noise) % 256).astype(np.uint8)


def prepare(image, side, fraction, resample):
    if fraction is None:
        return image.resize((side, side), resample)
    # timm: floor(img_size / crop_pct); torchvision: Resize(int), then CenterCrop.
    shorter = math.floor(side / fraction)
    width, height = image.size
    low = min(width, height)
    new_width, new_height = (int(shorter * length / low) for length in (width, height))
    resized = image.resize((new_width, new_height), resample)
    left, top = round((new_width - side) / 2.0), round((new_height - side) / 2.0)
    return resized.crop((left, top, left + side, top + side))


def main():
    cases = []
    for width, height, side, fraction in CASES:
        image = Image.fromarray(picture(height, width))
        for interpolation, resample in FILTERS.items():
            values = np.asarray(prepare(image, side, fraction, resample)).reshape(-1)
            step = max(1, values.size // 1000) | 1
            cases.append(
                {
                    "width": width,
                    "height": height,
                    "size": side,
                    "fraction": fraction,
                    "interpolation": interpolation,
                    "step": step,
                    "bytes": base64.b64encode(values[::step].tobytes()).decode(),
                }
            )
    json.dump({"pillow": PIL.__version__, "cases": cases}, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()

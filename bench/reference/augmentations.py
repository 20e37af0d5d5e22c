"""What torchvision and Pillow make of an image that is drawn by a rule, for src/data/image/augment/.

    python bench/reference/augmentations.py

Needs torch, torchvision, Pillow and NumPy; writes src/data/image/augment/fixtures/augmentations.json. Every case holds a view
(src/data/image/augment/augmentation-plan.ts) and each `step`-th byte of the resulting image [S, S, 3], in base64. Colours and
rotation are torchvision's on floating-point images, rounded at the end; crops are Pillow's `resize` with a `box`.
"""

import base64
import json
import pathlib

import numpy as np
import PIL
import torch
from PIL import Image

from pillow_resize import picture

FIXTURE = pathlib.Path(__file__).parents[2] / "src/data/image/augment/fixtures/augmentations.json"
KEPT = 400
SIDE = 48

CROPS = [
    # width, height of the image; left, top, width, height of the crop; side of the view
    (90, 70, (0, 0, 90, 70), 48),
    (90, 70, (11.25, 7.5, 50.75, 60.5), 48),
    (90, 70, (60, 40, 20, 24), 48),
    (33, 120, (0, 10, 33, 110), 64),
    (48, 48, (0, 0, 48, 48), 48),
    (301, 225, (20.5, 30, 250, 190), 96),
]

ANGLES = [10.0, -25.0, 90.0, 180.0]

COLOURS = [
    [("brightness", 1.5)],
    [("brightness", 0.3)],
    [("contrast", 1.6)],
    [("contrast", 0.25)],
    [("saturation", 1.9)],
    [("saturation", 0.0)],
    [("hue", 0.1)],
    [("hue", -0.37)],
    [("hue", 0.5)],
    [("hue", 0.03), ("contrast", 1.3), ("brightness", 0.8), ("saturation", 1.2)],
    [("saturation", 0.7), ("brightness", 1.4), ("contrast", 0.6), ("hue", -0.04)],
]


def import_functional():
    """torchvision's functions, also where its wheel was built for another torch: none of them needs these operators."""
    try:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        pass
    import torchvision
    from torchvision.transforms import functional

    return functional, torchvision.__version__


def as_tensor(pixels):
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None]


def as_bytes(tensor):
    return (tensor[0].permute(1, 2, 0) * 255 + 0.5).floor().clamp(0, 255).to(torch.uint8).numpy()


def case(width, height, side, pixels, crop=None, **view):
    values = pixels.reshape(-1)
    step = max(1, values.size // KEPT) | 1
    left, top, wide, high = crop or (0, 0, width, height)
    whole = {"flip": False, "degrees": 0, "colour": [], "erased": []}
    return {
        "width": width,
        "height": height,
        "size": side,
        "view": {"crop": {"left": left, "top": top, "width": wide, "height": high}, **whole, **view},
        "step": step,
        "bytes": base64.b64encode(values[::step].tobytes()).decode(),
    }


def cases():
    functional, version = import_functional()
    rows = {"crop": [], "rotate": [], "colour": []}
    for width, height, (left, top, wide, high), side in CROPS:
        image = Image.fromarray(picture(height, width))
        box = (left, top, left + wide, top + high)
        resized = image.resize((side, side), Image.Resampling.BILINEAR, box=box)
        rows["crop"].append(case(width, height, side, np.asarray(resized), crop=(left, top, wide, high)))
        flipped = resized.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        rows["crop"].append(case(width, height, side, np.asarray(flipped), crop=(left, top, wide, high), flip=True))
    square = as_tensor(picture(SIDE, SIDE))
    mean = square.mean(dim=(0, 2, 3), keepdim=True)
    for angle in ANGLES:
        # torchvision's own `fill` counts a border pixel's share of the image twice.
        bilinear = functional.InterpolationMode.BILINEAR
        inside = functional.rotate(torch.ones_like(square), angle, interpolation=bilinear)
        turned = functional.rotate(square, angle, interpolation=bilinear) + (1 - inside) * mean
        rows["rotate"].append(case(SIDE, SIDE, SIDE, as_bytes(turned), degrees=angle))
    for steps in COLOURS:
        changed = square
        for kind, amount in steps:
            changed = getattr(functional, f"adjust_{kind}")(changed, amount)
        named = [{"kind": kind, ("turns" if kind == "hue" else "factor"): amount} for kind, amount in steps]
        rows["colour"].append(case(SIDE, SIDE, SIDE, as_bytes(changed), colour=named))
    return {"torchvision": version, "pillow": PIL.__version__, **rows}


if __name__ == "__main__":
    FIXTURE.parent.mkdir(exist_ok=True)
    FIXTURE.write_text(json.dumps(cases()) + "\n")

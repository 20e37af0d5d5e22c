"""Reference values of the architectures in src/zoo/architectures/: what timm and Keras compute with weights by rule.

    python bench/reference/architectures.py [NAME...]

Needs torch and timm, and for the rows of `KERAS` also keras and tensorflow. Without names, all rows. Writes
src/zoo/architectures/fixtures/NAME.DIALECT.json, and parameters.json beside them. The rule is in parity.py.

Pictures are small, which costs little and makes sizes odd on the way, so that kinds of padding differ. Gains are such that
the features of two pictures differ by some per cent at least: a deep network of tame weights forgets what it saw.
"""

import re
import sys
from typing import NamedTuple

import keras_architectures
from parity import (
    import_timm,
    parameter_row,
    parity_images,
    set_weights,
    write_fixture,
    write_parameters,
)


class Row(NamedTuple):
    """How one network is measured: pictures, their side in pixels, and the rule's gain."""

    size: int
    gain: float = 1.0
    images: int = 2
    options: dict = {}
    """For `timm.create_model`."""


def vit(size, **row):
    return Row(size, options={"img_size": size}, **row)


TIMM = {
    **{f"vgg{depth}{norm}": Row(64) for depth in (11, 13, 16, 19) for norm in ("", "_bn")},
    **{f"resnet{depth}": Row(70, gain=0.8) for depth in (18, 34, 50, 101, 152)},
    "inception_v3": Row(139, gain=1.2),
    **{f"mobilenetv2_{width}": Row(70) for width in ("035", "050", "075", "100", "110d", "120d", "140")},
    "mobilenetv3_large_100": Row(70),
    **{f"mobilenetv3_small_{width}": Row(70, gain=1.1) for width in ("050", "075", "100")},
    "tf_mobilenetv3_large_100": Row(70),
    "tf_mobilenetv3_small_100": Row(70, gain=1.1),
    **{f"{kind}efficientnet_b{size}": Row(70, gain=1.15) for kind in ("", "tf_") for size in range(3)},
    **{f"{kind}efficientnet_b3": Row(70, gain=1.1) for kind in ("", "tf_")},
    "convnext_tiny": Row(96),
    "convnext_small": Row(64),
    "vit_tiny_patch16_224": vit(224),
    "vit_small_patch16_224": vit(96),
    "vit_base_patch16_224": vit(48, images=1),
    "vit_small_patch14_dinov2": vit(98),
}

# Modules whose outputs are kept besides features and logits; in Graft they are stages.
STAGES = re.compile(r"(layer|blocks\.|stages\.)\d+|Mixed_..")


def measure(name, row):
    """Features, logits and the outputs of stages."""
    import torch

    model = import_timm().create_model(name, **row.options).eval()
    set_weights(model, row.gain)
    outputs = {}

    def keep(stage):
        return lambda _module, _inputs, output: outputs.__setitem__(stage, output.numpy())

    for stage, module in model.named_modules():
        if STAGES.fullmatch(stage):
            module.register_forward_hook(keep(stage))
    with torch.no_grad():
        last = model.forward_features(torch.from_numpy(parity_images(row.images, row.size)))
        outputs["features"] = model.forward_head(last, pre_logits=True).numpy()
        if model.num_classes:
            outputs["logits"] = model.forward_head(last).numpy()
    write_fixture(name, outputs, input_size=row.size, images=row.images, gain=row.gain)
    features = outputs["features"]
    apart = f", two pictures {(features[0] - features[1]).std() / features.std():.1%} apart" if row.images > 1 else ""
    print(f"{name}: features {features.std():.3g}{apart}", file=sys.stderr)


def published(name):
    """timm's network as it is published, without memory for its weights."""
    import torch

    with torch.device("meta"):
        return import_timm().create_model(name)


if __name__ == "__main__":
    names = sys.argv[1:]
    wanted = lambda table: {name: row for name, row in table.items() if not names or name in names}
    for name, row in wanted(TIMM).items():
        measure(name, row)
    write_parameters({name: parameter_row(published(name)) for name in wanted(TIMM)})
    for name, row in wanted(keras_architectures.KERAS).items():
        keras_architectures.measure(name, row)

"""Reference values of the architectures in src/networks/architectures/: what timm and Keras compute with weights by rule.

    python bench/reference/architectures.py [NAME...]

Needs torch and timm, and for the rows of the two `KERAS` also keras and tensorflow. Without names, all rows. Writes
src/networks/architectures/fixtures/NAME.DIALECT.json, and parameters.json beside them. The rule is in parity.py.

Images are small, which costs little and makes sizes odd on the way, so that kinds of padding differ. Gains are such that
the features of two images differ by some per cent at least: a deep network of tame weights forgets what it saw.
"""

import re
import sys
from typing import NamedTuple

import keras_architectures
import keras_classic
from parity import (
    import_timm,
    parameter_row,
    parity_images,
    set_weights,
    write_fixture,
    write_parameters,
)


class Row(NamedTuple):
    """How one network is measured: images, their side in pixels, and the rule's gain."""

    size: int
    gain: float = 1.0
    images: int = 2
    options: dict = {}
    """For `timm.create_model`."""
    ends: dict = {}
    """Stages by the module that they end in, where it has another name."""


def vgg(depth, norm):
    """The smallest network takes images as published; of the others' the last map is smaller than the hidden layers' window."""
    modules = 3 if norm else 2  # of a convolution
    pool = modules * (depth - 3) + 4
    first = pool - modules * {11: 2, 13: 2, 16: 3, 19: 4}[depth]
    return Row(224 if depth == 11 and not norm else 70, ends={f"features.{pool}": f"features.{first}"})


def vit(size, **row):
    return Row(size, options={"img_size": size}, **row)


TIMM = {
    **{f"vgg{depth}{norm}": vgg(depth, norm) for depth in (11, 13, 16, 19) for norm in ("", "_bn")},
    **{f"resnet{depth}": Row(70, gain=0.8) for depth in (18, 34, 50, 101, 152)},
    "inception_v3": Row(139, gain=1.2),
    **{f"mobilenetv2_{width}": Row(70) for width in ("035", "050", "075", "100", "110d", "120d", "140")},
    "mobilenetv3_large_100": Row(70),
    **{f"mobilenetv3_small_{width}": Row(70, gain=1.1) for width in ("050", "075", "100")},
    "tf_mobilenetv3_large_100": Row(70),
    "tf_mobilenetv3_small_100": Row(70, gain=1.1),
    **{
        f"{kind}efficientnet_b{size}": Row(70, gain=gain)
        for kind in ("", "tf_")
        for size, gain in enumerate(keras_architectures.EFFICIENTNET_GAINS)
    },
    "convnext_tiny": Row(96),
    "convnext_small": Row(64),
    "vit_tiny_patch16_224": vit(224),
    "vit_small_patch16_224": vit(96),
    "vit_base_patch16_224": vit(64, images=1),
    "vit_small_patch14_dinov2": vit(98),
}

# Modules whose outputs are kept besides features and logits; in Graft they are stages.
STAGES = re.compile(r"(layer|blocks\.|stages\.)\d+|Mixed_..")


def measure(name, row):
    """Features, logits and the outputs of stages."""
    import torch

    model = import_timm().create_model(name, **row.options).eval()
    set_weights(model, row.gain)
    model.double()  # so that no rounding but Graft's remains
    outputs = {}

    def keep(stage):
        return lambda _module, _inputs, output: outputs.__setitem__(stage, output.numpy())

    for part, module in model.named_modules():
        if part in row.ends or STAGES.fullmatch(part):
            module.register_forward_hook(keep(row.ends.get(part, part)))
    with torch.no_grad():
        last = model.forward_features(torch.from_numpy(parity_images(row.images, row.size)).double())
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
    for name, row in wanted(keras_architectures.KERAS | keras_classic.KERAS).items():
        keras_architectures.measure(name, row)

"""Sizes of the weights that timm's networks begin with.

    python bench/reference/initial_weights.py

Needs torch and timm; writes src/networks/architectures/fixtures/initial_weights.json: the median size of each parameter that is
among a network's first or last, where every kind of layer occurs, but for those of millions. They are drawn at random, so
that a test compares within what chance allows.
"""

import json

import torch

from parity import FIXTURES, import_timm, is_parameter

FIRST, LAST = 20, 8
LARGEST = 2**20
NETWORKS = {
    **{name: {} for name in ("mobilenetv2_050", "mobilenetv3_small_050", "efficientnet_b0", "resnet18", "resnet50")},
    "inception_v3": {},
    **{name: {} for name in ("vgg11_bn", "convnext_tiny", "vit_tiny_patch16_224")},
    "vit_small_patch14_dinov2": {"img_size": 98},
}
"""With options for `timm.create_model`."""


def row(name, options):
    torch.manual_seed(0)
    model = import_timm().create_model(name, **options)
    state = model.state_dict().items()
    named = [(key, value) for key, value in state if is_parameter(key) and value.numel() <= LARGEST]
    return {key: float(f"{value.abs().median():.4g}") for key, value in named[:FIRST] + named[-LAST:]}


if __name__ == "__main__":
    rows = {name: row(name, options) for name, options in NETWORKS.items()}
    (FIXTURES / "initial_weights.json").write_text(json.dumps(rows, indent=2) + "\n")

"""Multiply-adds and parameters of every architecture, counted by PyTorch on timm's networks.

    python bench/reference/multiply_adds.py

Needs torch and timm; writes src/networks/architectures/fixtures/multiply_adds.json. Counted are convolutions and matrix products
(attention's too) of one image at the published input size, without their biases, as `torch.utils.flop_counter` counts
them, halved: one multiply-add is two operations. Parameters are the learned ones. Nothing is computed: the networks live on
the `meta` device.
"""

import json

import torch
from torch.utils.flop_counter import FlopCounterMode

from architectures import TIMM, published
from parity import FIXTURES


def row(name):
    model = published(name).eval()
    size = model.pretrained_cfg["input_size"][-1]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, size, size, device="meta"))
    return {
        "inputSize": size,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "multiplyAdds": counter.get_total_flops() // 2,
    }


if __name__ == "__main__":
    lines = [f"  {json.dumps(name)}: {json.dumps(row(name))}" for name in TIMM]
    (FIXTURES / "multiply_adds.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")

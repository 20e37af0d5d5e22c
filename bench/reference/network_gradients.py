"""Reference gradients of whole networks (src/networks/architectures/architecture-registry.gradients.test.ts), from PyTorch's autograd.

    python bench/reference/network_gradients.py

Needs torch and timm. Writes src/networks/architectures/fixtures/gradients.json: for every parameter of timm's networks, with
weights and images by the rule of parity.py, the gradient of the mean cross-entropy of one small batch. All is computed in
float64, so that no rounding but Graft's remains.

A gradient jumps where a ReLU's input crosses zero or another pixel becomes the largest of a pool, and among a million such
places one often lies so near that float32 cannot tell the side. Batches where that is so are passed over: those whose
gradient jumps when every weight is moved by some roundings of float32.

A gradient g is kept as its norm and its products with random vectors by the rule, "NAME/probe.K", relative to the norm. Their
components have mean 0 and variance 1, so that the mean square of what another gradient's products differ by is that of
their distance: E (r · (h − g))² = ‖h − g‖².
"""

import copy
import itertools
import json
import math
import sys
from typing import NamedTuple

import numpy as np

from parity import FIXTURES, import_timm, numbers_of, set_weights

PROBES = 8
CLASSES = 10
JITTER = 4 * 2.0**-24
"""How far weights are moved, relative to their values: a few roundings of float32."""
JITTERS = 3
"""How often, each time at random."""
SETTLED = 1e-4
"""How far apart gradients may be then, relative to their norms."""


class Case(NamedTuple):
    """A network, and the batch that its gradient is taken on: images and their side in pixels."""

    architecture: str
    size: int
    gain: float = 1.0
    images: int = 2
    batch_statistics: bool = False
    """Whether batch norm goes by the batch's own mean and variance, as in training from scratch."""
    options: dict = {}
    """For `timm.create_model`."""


CASES = [
    Case("resnet18", 64, gain=0.8),
    Case("resnet18", 64, images=4, batch_statistics=True),
    Case("mobilenetv2_100", 64),
    Case("inception_v3", 107),
    Case("vit_tiny_patch16_224", 64, options={"img_size": 64}),
]


def products(name, gradient):
    flat = gradient.reshape(-1)
    probes = (numbers_of(f"{name}/probe.{k}", flat.size, 3**0.5, 0.0) for k in range(PROBES))
    return [float(probe.astype(np.float64) @ flat) for probe in probes]


def row(name, gradient):
    norm = float(np.linalg.norm(gradient))
    return {"norm": float(f"{norm:.7g}"), "products": [round(p / norm, 5) for p in products(name, gradient)]}


def gradients(model, images, labels):
    """The loss, and every parameter's gradient by name."""
    import torch

    model.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    return loss.item(), {name: parameter.grad.numpy().copy() for name, parameter in model.named_parameters()}


def moved(model, generator):
    """A copy with every parameter moved by less than JITTER of its value."""
    import torch

    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1 + JITTER * (2 * torch.rand(parameter.shape, generator=generator, dtype=torch.float64) - 1))
    return other


def settled(model, images, labels):
    """Whether the gradients stay what they are when weights are rounded otherwise."""
    import torch

    generator = torch.Generator().manual_seed(0)
    _, exact = gradients(model, images, labels)
    for _ in range(JITTERS):
        _, other = gradients(moved(model, generator), images, labels)
        if max(np.linalg.norm(other[k] - g) / np.linalg.norm(g) for k, g in exact.items()) > SETTLED:
            return False
    return True


def pictures(batch, case):
    """Images [N, 3, S, S] in [-1, 1)."""
    import torch

    dims = (case.images, 3, case.size, case.size)
    return torch.from_numpy(numbers_of(f"image.{batch}", math.prod(dims), 1.0, 0.0).reshape(dims)).double()


def measure(case):
    import torch

    model = import_timm().create_model(case.architecture, num_classes=CLASSES, **case.options)
    model.train(case.batch_statistics)  # no network of these has dropout by default
    set_weights(model, case.gain)
    model.double()
    labels = [(3 * i + 1) % CLASSES for i in range(case.images)]
    target = torch.tensor(labels)
    batch = next(batch for batch in itertools.count() if settled(model, pictures(batch, case), target))
    loss, found = gradients(model, pictures(batch, case), target)
    rows = {name: row(name, gradient) for name, gradient in found.items()}
    norms = [kept["norm"] for kept in rows.values()]
    print(
        f"{case.architecture}: batch {batch}, loss {loss:.4f}, {len(rows)} gradients of norm {min(norms):.2g} to {max(norms):.2g}",
        file=sys.stderr,
    )
    return {
        "architecture": case.architecture,
        "inputSize": case.size,
        "gain": case.gain,
        "batchStatistics": case.batch_statistics,
        "batch": batch,
        "classes": CLASSES,
        "labels": labels,
        "loss": float(f"{loss:.9g}"),
    }, rows


def text(case):
    head, rows = measure(case)
    lines = [f"  {json.dumps(name)}: {json.dumps(kept)}" for name, kept in rows.items()]
    return json.dumps(head)[:-1] + ', "gradients": {\n' + ",\n".join(lines) + "\n}}"


if __name__ == "__main__":
    (FIXTURES / "gradients.json").write_text("[\n" + ",\n".join(map(text, CASES)) + "\n]\n")

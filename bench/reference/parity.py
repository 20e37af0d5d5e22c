"""What the scripts of architectures share: weights and images by rule, and the fixtures of src/networks/architectures/.

The rule is that of src/networks/architectures/testing.ts, bit for bit: see there.
"""

import hashlib
import json
import math
import pathlib
import re
import sys
import types

import numpy as np

FIXTURES = pathlib.Path(__file__).parents[2] / "src/networks/architectures/fixtures"
KEPT = 24
KEPT_OF_STAGE = 6
CHUNK = 1 << 22


def import_timm():
    """timm, also where torchvision's compiled operators do not load: networks need none of them."""
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))
    import timm

    return timm


def hash_of(name):
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def numbers_of(name, count, scale, shift):
    out = np.empty(count, np.float32)
    for start in range(0, count, CHUNK):
        i = np.arange(start, min(start + CHUNK, count), dtype=np.uint32)
        x = np.uint32(hash_of(name)) + i * np.uint32(0x9E3779B9)
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
        x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
        u = ((x ^ (x >> np.uint32(16))) >> np.uint32(8)).astype(np.float64) / 2**23 - 1
        out[start : start + CHUNK] = (shift + scale * u).astype(np.float32)
    return out


def spread_of(name, dims, gain):
    if name.endswith(("_token", "pos_embed")):
        return 0.5, 0.0
    if name.endswith((".bias", ".running_mean")):
        return 0.1, 0.0
    if len(dims) < 2:
        return 0.25, 1.0
    return gain * math.sqrt(6 / math.prod(dims[1:])), 0.0


def parity_tensor(name, dims, gain):
    """The parameter of timm's name `name`, float32."""
    scale, shift = spread_of(name, dims, gain)
    return numbers_of(name, math.prod(dims), scale, shift).reshape(dims)


def parity_images(count, size):
    """Images [count, 3, size, size] in [-1, 1)."""
    return numbers_of("image", count * 3 * size * size, 1.0, 0.0).reshape(count, 3, size, size)


def is_parameter(name):
    return not name.endswith("num_batches_tracked")


def set_weights(model, gain, ignored=()):
    """Fills a PyTorch model whose parameters have timm's names."""
    import torch

    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if is_parameter(name) and not name.startswith(tuple(ignored)):
                tensor.copy_(torch.from_numpy(parity_tensor(name, tuple(tensor.shape), gain)))


def parameter_row(model, ignored=()):
    """What parameters.json holds of a PyTorch model: learned numbers, tensors, and a digest of sorted "name dims" lines."""
    named = {k: tuple(v.shape) for k, v in model.state_dict().items() if is_parameter(k) and not k.startswith(tuple(ignored))}
    learned = {k for k, _ in model.named_parameters()}
    lines = "".join(f"{k} {','.join(map(str, named[k]))}\n" for k in sorted(named))
    return {
        "learned": sum(math.prod(named[k]) for k in named if k in learned),
        "tensors": len(named),
        "digest": hashlib.sha256(lines.encode()).hexdigest(),
    }


def rounded(value):
    return float(f"{value:.7g}")


def kept(array, most):
    """What a fixture holds of an output [N, ...] laid out as timm has it."""
    flat = np.asarray(array, np.float64).reshape(-1)
    count = min(most, flat.size)
    return {
        "dims": list(array.shape),
        "norm": rounded(np.linalg.norm(flat)),
        "values": [rounded(flat[i * flat.size // count]) for i in range(count)],
    }


def write_fixture(architecture, outputs, *, input_size, images=2, gain=1.0, dialect="timm"):
    """Writes fixtures/{architecture}.{dialect}.json; `outputs` maps features, logits or a stage's name to an array."""
    FIXTURES.mkdir(exist_ok=True)
    head = {"architecture": architecture, "dialect": dialect, "inputSize": input_size, "images": images, "gain": gain}
    most = lambda name: KEPT if name in ("features", "logits") else KEPT_OF_STAGE
    lines = [f"  {json.dumps(name)}: {json.dumps(kept(array, most(name)))}" for name, array in outputs.items()]
    text = json.dumps(head)[:-1] + ', "outputs": {\n' + ",\n".join(lines) + "\n}}\n"
    (FIXTURES / f"{architecture}.{dialect}.json").write_text(text)


def write_parameters(rows):
    """Merges rows {architecture: parameter_row(model)} into fixtures/parameters.json."""
    path = FIXTURES / "parameters.json"
    FIXTURES.mkdir(exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else {}
    known.update(rows)
    lines = [f'  {json.dumps(k)}: {json.dumps(known[k])}' for k in sorted(known)]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")

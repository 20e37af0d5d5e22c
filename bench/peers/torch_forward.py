"""PyTorch's forward pass, as bench/forward.ts compares it: channels_last, inference mode, the same weights and input.

    python bench/peers/torch_forward.py ARCH FILE.safetensors --size S [--batch 16] [--seconds 5] [--save]

With --save: writes random weights of timm's ARCH (seed 0, no classifier) to FILE and prints {}. Without: loads them and
prints {images_per_second, load_seconds, peak_bytes, features}: load_seconds from before the file is read to the first
answer for one image; features the first 16 numbers of that answer.
"""
import argparse
import json
import resource
import time

import torch

try:  # torchvision built for CUDA beside a torch without it: timm imports these two operators
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
except RuntimeError:
    pass
import timm
from safetensors.torch import load_file, save_file

parser = argparse.ArgumentParser()
parser.add_argument("arch")
parser.add_argument("file")
parser.add_argument("--size", type=int, default=224)
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--seconds", type=float, default=5)
parser.add_argument("--save", action="store_true")
options = parser.parse_args()

torch.manual_seed(0)
if options.save:
    network = timm.create_model(options.arch, num_classes=0)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, options.file)
    print("{}")
    raise SystemExit


def picture(batch: int) -> torch.Tensor:
    """The input of bench/forward/worker.ts: cos(0.37 i) over [N, 3, S, S]."""
    count = batch * 3 * options.size**2
    values = torch.cos(torch.arange(count, dtype=torch.float64) * 0.37).float()
    return values.reshape(batch, 3, options.size, options.size).contiguous(memory_format=torch.channels_last)


with torch.inference_mode():
    one = picture(1)
    began = time.perf_counter()
    with torch.device("meta"):
        network = timm.create_model(options.arch, num_classes=0)
    network.load_state_dict(load_file(options.file), assign=True)
    network = network.eval().to(memory_format=torch.channels_last)
    features = network(one)[0]
    load_seconds = time.perf_counter() - began
    many = picture(options.batch)
    network(many)
    began, images = time.perf_counter(), 0
    while time.perf_counter() - began < options.seconds:
        network(many)
        images += options.batch
    rate = images / (time.perf_counter() - began)

print(json.dumps({
    "images_per_second": rate,
    "load_seconds": load_seconds,
    "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "features": features[:16].tolist(),
}))

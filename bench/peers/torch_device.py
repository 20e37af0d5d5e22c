"""PyTorch's forward pass and training steps on CUDA (or, without it, the processor), as bench/device.ts compares them.

    python bench/peers/torch_device.py ARCH SECONDS JOB...

A JOB is `forward:BATCH`, `last:BATCH` (steps of the last stage and the head, on stored outputs of the frozen part) or `all:BATCH`.
Each is run in float32 with TF32 off and on, contiguous and channels_last. Prints one JSON object a run: {job, tf32, layout,
images_per_second, began, ended}. Weights are timm's, random; batches are uploaded from pinned memory for each run. Batch norm is frozen
and the optimizer is AdamW, as in torch_transfer.py.
"""
import json
import sys
import time

import timm
import torch

arch, seconds = sys.argv[1], float(sys.argv[2])
device = "cuda" if torch.cuda.is_available() else "cpu"
name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
torch.backends.cudnn.benchmark = True
CLASSES = 5


def wait():
    if device == "cuda":
        torch.cuda.synchronize()


class Tail(torch.nn.Module):
    """The last stage and what follows it."""

    def __init__(self, net):
        super().__init__()
        self.stage = net.layer4 if hasattr(net, "layer4") else torch.nn.Sequential(net.blocks[6], net.conv_head, net.bn2)
        self.pool = net.global_pool

    def forward(self, x):
        return self.pool(self.stage(x))


BOUNDARY = {"resnet50": (1024, 14, 14), "mobilenetv2_100": (160, 7, 7)}


def timed(once):
    for _ in range(3):
        once()
    wait()
    began, images = time.time(), 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        # In tens, so that the processor seldom waits for the card.
        for _ in range(10 if device == "cuda" else 1):
            images += once()
        wait()
    return {"images_per_second": images / (time.perf_counter() - start), "began": 1000 * began, "ended": 1000 * time.time()}


def run(job, layout):
    what, batch = job.split(":")
    batch = int(batch)
    torch.manual_seed(0)
    shape = BOUNDARY[arch] if what == "last" else (3, 224, 224)
    x = torch.rand(batch, *shape).contiguous(memory_format=layout)
    if device == "cuda":
        x = x.pin_memory()
    net = timm.create_model(arch, num_classes=0).eval().to(device, memory_format=layout)
    if what == "forward":

        def once():
            with torch.inference_mode():
                net(x.to(device, non_blocking=True))
            return batch

        return timed(once)
    trained = Tail(net) if what == "last" else net
    head = torch.nn.Linear(net.num_features, CLASSES).to(device)
    optimizer = torch.optim.AdamW([*trained.parameters(), *head.parameters()], 1e-4)
    labels = (torch.arange(batch) % CLASSES).to(device)

    def once():
        loss = torch.nn.functional.cross_entropy(head(trained(x.to(device, non_blocking=True))), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return batch

    return timed(once)


for job in sys.argv[3:]:
    for tf32 in (False, True) if device == "cuda" else (False,):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
        for layout in (torch.contiguous_format, torch.channels_last):
            words = str(layout).split(".")[-1]
            print(json.dumps({"job": job, "device": name, "tf32": tf32, "layout": words, **run(job, layout)}), flush=True)

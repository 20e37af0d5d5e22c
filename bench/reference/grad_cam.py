"""Grad-CAM by PyTorch on networks of timm with weights by rule (parity.py): src/explain/fixtures/grad-cam.json.

    python bench/reference/grad_cam.py

The map is relu(sum_k mean_places(dy_c / dA_k) * A_k) of arXiv 1610.02391, A the output of `forward_features`, c the class of the highest logit.
"""

import json
import pathlib

import torch

from parity import import_timm, parity_images, rounded, set_weights

timm = import_timm()
OUT = pathlib.Path(__file__).parents[2] / "src/explain/fixtures/grad-cam.json"
NETWORKS = [("resnet18", 96), ("mobilenetv2_050", 96)]


def grad_cam(architecture, size):
    model = timm.create_model(architecture, pretrained=False).eval()
    set_weights(model, 1.0)
    images = torch.from_numpy(parity_images(2, size))
    maps = model.forward_features(images)
    maps.retain_grad()
    logits = model.forward_head(maps)
    labels = logits.argmax(1)
    logits.gather(1, labels[:, None]).sum().backward()
    weights = maps.grad.mean((2, 3), keepdim=True)
    cams = torch.relu((weights * maps).sum(1))
    return {
        "architecture": architecture,
        "inputSize": size,
        "labels": labels.tolist(),
        "dims": list(cams.shape[1:]),
        "cams": [[rounded(v) for v in cam.flatten().tolist()] for cam in cams],
    }


if __name__ == "__main__":
    rows = [grad_cam(*network) for network in NETWORKS]
    OUT.write_text("[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n]\n")

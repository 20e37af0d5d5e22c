"""Real exports of small networks: what PyTorch's two ONNX exporters and Keras make of common architectures.

    python bench/reference/exported_patterns.py src/networks/fixtures/exported.json

Needs torch, torchvision, timm, onnx, onnxscript and keras (on torch). The networks are a few channels wide and their
weights are drawn at random; only the graphs are kept: weights become zeros (the tests fill them by a rule of their own),
and what no reader of graphs needs goes. Each is one gzipped ONNX file in base64.
"""
import base64
import contextlib
import gzip
import io
import json
import logging
import os
import sys
import tempfile
import warnings

os.environ["KERAS_BACKEND"] = "torch"
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import numpy as np
import onnx
import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:  # built without its operators, which no network here uses
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from timm.models.convnext import ConvNeXt
from timm.models.deit import VisionTransformerDistilled
from timm.models.resnet import Bottleneck, ResNet
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer
from torchvision.models import SqueezeNet
from torchvision.models.mobilenetv2 import MobileNetV2
from torchvision.models.vision_transformer import VisionTransformer as TorchvisionViT

KEPT = 8  # float tensors of this many elements or fewer keep their values: they are constants of formulas

vit = dict(img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2)


class Tokens(torch.nn.Module):
    """A transformer without its head: the whole sequence."""

    def __init__(self):
        super().__init__()
        self.trunk = VisionTransformer(**{**vit, "depth": 1}, num_classes=0)

    def forward(self, image):
        return self.trunk.forward_features(image)


def resnet(classes):
    return ResNet(Bottleneck, [1, 1, 1, 1], num_classes=classes, channels=(4, 4, 8, 8))


# name: the network, the side of its input, and how it is exported (torchscript or dynamo, with a free batch or one of 1)
NETWORKS = {
    "resnet.script": (lambda: resnet(10), 64, "script"),
    "resnet.dynamo": (lambda: resnet(10), 64, "dynamo"),
    "resnet_features.dynamo": (lambda: resnet(0), 64, "dynamo"),
    "mobilenetv2.script": (
        lambda: MobileNetV2(10, width_mult=0.1, inverted_residual_setting=[[1, 8, 1, 1], [6, 8, 2, 2]]),
        32,
        "script",
    ),
    "squeezenet.dynamo": (lambda: SqueezeNet("1_1", num_classes=10), 64, "dynamo"),
    "convnext.dynamo": (lambda: ConvNeXt(depths=(1, 1, 2, 1), dims=(4, 8, 8, 8), num_classes=10), 64, "dynamo"),
    "convnext.dynamo.fixed": (lambda: ConvNeXt(depths=(1, 1, 2, 1), dims=(4, 8, 8, 8), num_classes=10), 64, "dynamo.fixed"),
    "swin.dynamo.fixed": (
        lambda: SwinTransformer(32, 2, window_size=4, embed_dim=8, depths=(1, 1), num_heads=(2, 2), num_classes=10),
        32,
        "dynamo.fixed",
    ),
    "vit.script": (lambda: VisionTransformer(**vit, num_classes=10), 32, "script"),
    "vit.script.fixed": (lambda: VisionTransformer(**vit, num_classes=10), 32, "script.fixed"),
    "vit_mean.dynamo.fixed": (lambda: VisionTransformer(**vit, num_classes=10, global_pool="avg"), 32, "dynamo.fixed"),
    "vit_tokens.dynamo": (Tokens, 32, "dynamo"),
    "deit_distilled.dynamo.fixed": (lambda: VisionTransformerDistilled(**vit, num_classes=10), 32, "dynamo.fixed"),
    "torchvision_vit.script.fixed": (lambda: TorchvisionViT(32, 8, 2, 2, 16, 32, num_classes=10), 32, "script.fixed"),
}


def export_torch(build, size, how, path):
    torch.manual_seed(0)
    network = build().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            # No two alike: exporters merge equal constants.
            parameter.normal_()
    one, two = torch.zeros(1, 3, size, size), torch.zeros(2, 3, size, size)
    if how == "script":
        axes = {"input_names": ["image"], "dynamic_axes": {"image": {0: "batch"}}}
        torch.onnx.export(network, (one,), path, dynamo=False, opset_version=17, **axes)
    elif how == "script.fixed":
        torch.onnx.export(network, (one,), path, dynamo=False, opset_version=17)
    else:
        free = {} if how.endswith("fixed") else {"dynamic_shapes": [{0: torch.export.Dim("batch")}]}
        torch.onnx.export(network, (two if free else one,), dynamo=True, opset_version=18, **free).save(path)


def export_keras(with_head, path):
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.ReLU()(layers.Conv2D(16, 1, strides=2)(x))
    if with_head:
        x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
        x = layers.Dense(5, activation="softmax", name="predictions")(x)
    model = keras.Model(image, x)
    model(np.zeros((1, 32, 32, 3), "float32"))
    model.export(path, format="onnx", verbose=False)


def stripped(path):
    model = onnx.load(path)
    graph = model.graph
    del graph.value_info[:]
    del model.metadata_props[:]
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for tensor in graph.initializer:
        tensor.doc_string = ""
        del tensor.metadata_props[:]
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > KEPT:
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.zeros_like(values), tensor.name))
    return base64.b64encode(gzip.compress(model.SerializeToString(), 9, mtime=0)).decode()


def main(target):
    kept = {}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        exports = {name: lambda row=row: export_torch(*row, path) for name, row in NETWORKS.items()}
        exports["keras"] = lambda: export_keras(True, path)
        exports["keras_features"] = lambda: export_keras(False, path)
        for name, export in exports.items():
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                export()
            kept[name] = stripped(path)
            print(f"{name}: {len(kept[name])} characters", file=sys.stderr)
    with open(target, "w") as file:
        json.dump(kept, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])

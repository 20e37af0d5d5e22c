"""What torchvision and Keras call the parameters of their networks, and their shapes: for src/networks/weights.

    python bench/reference/weight_names.py src/networks/weights/fixtures/names.json
        a digest for each network: SHA-256 of the lines "name d,d,d", sorted
    python bench/reference/weight_names.py --list torchvision mobilenet_v2
        the lines themselves

Keras' names are `layer/variable` as in the files it saves in a new session; weights of preprocessing layers, and PyTorch's
counts of training steps, are left out, and so is the classifier used only while training Inception V3.
"""

import hashlib
import json
import os
import re
import sys
import types

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

TORCHVISION = {
    **{f"vgg{n}{bn}": f"vgg{n}{bn}" for n in (11, 13, 16, 19) for bn in ("", "_bn")},
    **{f"resnet{n}": f"resnet{n}" for n in (18, 34, 50, 101, 152)},
    "inception_v3": "inception_v3",
    "mobilenetv2_100": "mobilenet_v2",
    "mobilenetv3_large_100": "mobilenet_v3_large",
    "mobilenetv3_small_100": "mobilenet_v3_small",
    **{f"efficientnet_b{n}": f"efficientnet_b{n}" for n in range(4)},
    "convnext_tiny": "convnext_tiny",
    "convnext_small": "convnext_small",
    "vit_base_patch16_224": "vit_b_16",
}
KERAS = {
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    **{f"resnet{n}": f"ResNet{n}" for n in (50, 101, 152)},
    "inception_v3": "InceptionV3",
    "mobilenetv2_035": "MobileNetV2 0.35",
    "mobilenetv2_100": "MobileNetV2",
    "mobilenetv2_140": "MobileNetV2 1.4",
    "mobilenetv3_large_100": "MobileNetV3Large",
    "mobilenetv3_small_100": "MobileNetV3Small",
    **{f"efficientnet_b{n}": f"EfficientNetB{n}" for n in range(4)},
    "convnext_tiny": "ConvNeXtTiny",
    "convnext_small": "ConvNeXtSmall",
}


def torchvision_lines(name):
    # torchvision's compiled operators may not load beside a CPU-only torch; networks need none of them.
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))
    import torch
    import torchvision

    with torch.device("meta"):
        options = {"init_weights": False} if name == "inception_v3" else {}
        state = torchvision.models.get_model(name, weights=None, **options).state_dict()
    skipped = re.compile(r"num_batches_tracked$|^AuxLogits\.")
    return [(key, tuple(value.shape)) for key, value in state.items() if not skipped.search(key)]


def keras_lines(name):
    import keras

    keras.backend.clear_session()
    network, *width = name.split()
    options = {"alpha": float(width[0])} if width else {}
    lines = []
    for weight in getattr(keras.applications, network)(weights=None, **options).weights:
        layer, variable = weight.path.split("/")[-2:]
        if not layer.startswith("normalization"):
            lines.append((f"{layer}/{re.sub(r'^variable.*', 'gamma', variable)}", tuple(weight.shape)))
    return lines


LIBRARIES = {"torchvision": (TORCHVISION, torchvision_lines), "keras": (KERAS, keras_lines)}


def text(lines):
    return sorted(f"{name} {','.join(map(str, dims))}" for name, dims in lines)


def main():
    if sys.argv[1] == "--list":
        print("\n".join(text(LIBRARIES[sys.argv[2]][1](" ".join(sys.argv[3:])))))
        return
    fixture = {}
    for library, (networks, lines_of) in LIBRARIES.items():
        fixture[library] = {}
        for ours, theirs in networks.items():
            lines = text(lines_of(theirs))
            digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
            fixture[library][ours] = {"count": len(lines), "sha256": digest}
    with open(sys.argv[1], "w") as file:
        json.dump(fixture, file, indent=1)
        file.write("\n")


main()

"""The rows of keras_architectures.py for VGG, ResNet, Inception V3 and MobileNetV2: which module of timm's a Keras layer is."""

import functools

from keras_architectures import Row, renamed
from parity import import_timm


def vgg(build, *depths):
    """timm numbers all modules through: a convolution and its ReLU, and the pooling after each block."""
    first = [2 * sum(depths[:block]) + block for block in range(len(depths))]
    place = lambda found: f"features.{first[int(found[1]) - 1] + 2 * (int(found[2]) - 1)}"
    table = [(r"block(\d)_conv(\d)", place), (r"fc(\d)", r"pre_logits.fc\1"), ("predictions", "head.fc")]
    stages = {"block5_pool": f"features.{first[-1]}"}
    module_of = lambda layer: renamed(layer, table)
    return Row(build, module_of, "fc2", 224, images=1, stages=stages, flattened={"fc1": (7, 7, 512)})


def resnet(layer):
    def block(found):
        stage, index, part, kind = int(found[1]) - 1, int(found[2]) - 1, int(found[3]), found[4]
        shortcut = {"conv": "downsample.0", "bn": "downsample.1"}
        return f"layer{stage}.{index}.{f'{kind}{part}' if part else shortcut[kind]}"

    ends = [("conv1_conv", "conv1"), ("conv1_bn", "bn1"), ("predictions", "fc")]
    return renamed(layer, [*ends, (r"conv(\d)_block(\d+)_(\d)_(conv|bn)", block)])


@functools.cache
def inception_units():
    modules = import_timm().create_model("inception_v3").named_modules()
    return [name.removesuffix(".conv") for name, _ in modules if name.endswith(".conv")]


def inception(layer):
    """Keras numbers these layers as they are made, which is the order of timm's modules."""

    def unit(kind):
        return lambda found: f"{inception_units()[int(found[1] or 0)]}.{kind}"

    table = [(r"conv2d(?:_(\d+))?", unit("conv")), (r"batch_normalization(?:_(\d+))?", unit("bn"))]
    return renamed(layer, [("predictions", "fc"), *table])


def mobilenet(layer):
    starts = [0, 1, 3, 6, 10, 13, 16]  # of the stages, in blocks
    widen = {"expand": "conv_pw", "expand_BN": "bn1", "depthwise": "conv_dw", "depthwise_BN": "bn2"}
    narrow = {"project": "conv_pwl", "project_BN": "bn3"}
    first = {"depthwise": "conv_dw", "depthwise_BN": "bn1", "project": "conv_pw", "project_BN": "bn2"}

    def block(found):
        number = int(found[1])
        stage = max(index for index, start in enumerate(starts) if start <= number)
        return f"blocks.{stage}.{number - starts[stage]}.{(widen | narrow)[found[2]]}"

    ends = [("Conv1", "conv_stem"), ("bn_Conv1", "bn1"), ("Conv_1", "conv_head"), ("Conv_1_bn", "bn2")]
    table = [(r"expanded_conv_(\w+)", lambda found: f"blocks.0.0.{first[found[1]]}"), (r"block_(\d+)_(\w+)", block)]
    return renamed(layer, [*ends, ("predictions", "classifier"), *table])


def resnet_row(depth, gain, last):
    return Row(f"ResNet{depth}", resnet, "avg_pool", 70, gain, stages={f"conv3_block{last}_out": "layer2"})


def mobilenet_row(width, size):
    """Sides that are even and odd on the way, which Keras pads otherwise."""
    return Row(
        "MobileNetV2",
        mobilenet,
        "global_average_pooling2d",
        size,
        options={"alpha": width},
        stages={"expanded_conv_project_BN": "blocks.0", "block_9_add": "blocks.3"},
    )


KERAS = {
    "vgg16": vgg("VGG16", 2, 2, 3, 3, 3),
    "vgg19": vgg("VGG19", 2, 2, 4, 4, 4),
    "resnet50": resnet_row(50, 0.8, 4),
    "resnet101": resnet_row(101, 0.8, 4),
    "resnet152": resnet_row(152, 0.8, 8),
    "inception_v3": Row(
        "InceptionV3", inception, "avg_pool", 139, 1.2, stages={"mixed2": "Mixed_5d", "mixed7": "Mixed_6e"}
    ),
    **{
        f"mobilenetv2_{round(width * 100):03}": mobilenet_row(width, size)
        for width, size in ((0.35, 70), (0.5, 96), (0.75, 75), (1.0, 70), (1.3, 96), (1.4, 75))
    },
}

"""The Keras side of architectures.py: networks of `keras.applications` with weights by rule.

The rule goes by timm's names, so each family says which module of timm's a Keras layer is; `role_of` says which parameter of
it a variable is, and the layout is changed from Keras' (rows, columns, in, out) to PyTorch's (out, in, rows, columns).
"""

import re
import sys
from typing import Callable, NamedTuple

import numpy as np

from parity import parity_images, parity_tensor, write_fixture


class Row(NamedTuple):
    """One network of `keras.applications`."""

    build: str
    """Its constructor's name."""
    module_of: Callable[[str], str]
    """timm's module by the name of the Keras layer."""
    features: str
    """The layer whose output the classifier reads."""
    size: int
    gain: float = 1.0
    images: int = 2
    options: dict = {}
    """For the constructor."""
    pixels: Callable = lambda x: x
    """Undoes the normalisation that is part of the Keras network."""
    stages: dict = {}
    """timm's names of stages, by the Keras layers that end them."""
    flattened: dict = {}
    """Shapes (rows, columns, channels) of maps, by the dense layers that read them; such a layer is timm's convolution."""


def renamed(name, table):
    """`name` by the first row (pattern, replacement) that matches all of it; replacements may be functions."""
    for pattern, replacement in table:
        if found := re.fullmatch(pattern, name):
            return replacement(found) if callable(replacement) else found.expand(replacement)
    raise KeyError(f"No module of timm's is known for the Keras layer {name}.")


def efficientnet(layer):
    first = {"dwconv": "conv_dw", "bn": "bn1", "project_conv": "conv_pw", "project_bn": "bn2"}
    other = {"expand_conv": "conv_pw", "expand_bn": "bn1", "dwconv": "conv_dw", "bn": "bn2", "project_conv": "conv_pwl"}
    other["project_bn"] = "bn3"
    squeeze = {"se_reduce": "se.conv_reduce", "se_expand": "se.conv_expand"}

    def block(found):
        stage, index = int(found[1]) - 1, ord(found[2]) - ord("a")
        return f"blocks.{stage}.{index}.{((other if stage else first) | squeeze)[found[3]]}"

    ends = [("stem_conv", "conv_stem"), ("stem_bn", "bn1"), ("top_conv", "conv_head"), ("top_bn", "bn2")]
    return renamed(layer, [*ends, ("predictions", "classifier"), (r"block(\d)([a-z])_(\w+)", block)])


def mobilenet_v3(starts):
    """Keras counts blocks through; `starts` says which begin timm's stages."""
    first = {"depthwise": "conv_dw", "depthwise_bn": "bn1", "project": "conv_pw", "project_bn": "bn2"}
    other = {"expand": "conv_pw", "expand_bn": "bn1", "depthwise": "conv_dw", "depthwise_bn": "bn2", "project": "conv_pwl"}
    other["project_bn"] = "bn3"
    squeeze = {"squeeze_excite_conv": "se.conv_reduce", "squeeze_excite_conv_1": "se.conv_expand"}

    def block(found):
        number = int(found[1] or 0)
        stage = max(index for index, start in enumerate(starts) if start <= number)
        return f"blocks.{stage}.{number - starts[stage]}.{((other if number else first) | squeeze)[found[2]]}"

    last = f"blocks.{len(starts)}.0"
    ends = [("conv", "conv_stem"), ("conv_bn", "bn1"), ("conv_1", f"{last}.conv"), ("conv_1_bn", f"{last}.bn1")]
    table = [*ends, ("conv_2", "conv_head"), ("logits", "classifier"), (r"expanded_conv_(?:(\d+)_)?([a-z]\w+)", block)]
    return lambda layer: renamed(layer, table)


def convnext(layer):
    block = r"\w+_stage_(\d)_block_(\d+)"
    following = lambda part: lambda found: f"stages.{int(found[1]) + 1}.downsample.{part}"
    table = [
        (r"\w+_stem_conv", "stem.0"),
        (r"\w+_stem_layernorm", "stem.1"),
        (r"\w+_downsampling_layernorm_(\d)", following(0)),
        (r"\w+_downsampling_conv_(\d)", following(1)),
        (f"{block}_depthwise_conv", r"stages.\1.blocks.\2.conv_dw"),
        (f"{block}_layernorm", r"stages.\1.blocks.\2.norm"),
        (f"{block}_pointwise_conv_(.)", r"stages.\1.blocks.\2.mlp.fc\3"),
        (f"{block}_layer_scale", r"stages.\1.blocks.\2"),
        (r"\w+_head_layernorm", "head.norm"),
        (r"\w+_head_dense", "head.fc"),
    ]
    return renamed(layer, table)


EFFICIENTNET_GAINS = (1.15, 1.1, 1.1, 1.07)
"""Of B0 to B3; more, and rounding grows from layer to layer."""

KERAS = {
    **{
        f"mobilenetv3_{name.lower()}_100": Row(
            f"MobileNetV3{name}", mobilenet_v3(starts), "dropout", 70, gain=gain, options={"include_preprocessing": False}
        )
        for name, starts, gain in (("Large", (0, 1, 3, 6, 10, 12), 1.0), ("Small", (0, 1, 3, 6, 8), 1.1))
    },
    **{
        f"efficientnet_b{size}": Row(
            f"EfficientNetB{size}", efficientnet, "avg_pool", 70, gain=gain, pixels=lambda x: x * 255
        )
        for size, gain in enumerate(EFFICIENTNET_GAINS)
    },
    **{
        f"convnext_{size}": Row(
            f"ConvNeXt{size.title()}",
            convnext,
            f"convnext_{size}_head_layernorm",
            64,
            options={"include_preprocessing": False},
        )
        for size in ("tiny", "small")
    },
}

ROLES = {
    "kernel": "weight",
    "depthwise_kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""PyTorch's name of a parameter by Keras'."""


def role_of(layer, variable):
    """A layer scale's only variable has no name of its own in Keras; timm calls it gamma."""
    return "gamma" if type(layer).__name__ == "LayerScale" else ROLES[variable]


def to_keras(values, depthwise):
    """PyTorch's layout to Keras': convolution (out, in, rows, columns) or matrix (out, in)."""
    if values.ndim == 4:
        return values.transpose(2, 3, 0, 1) if depthwise else values.transpose(2, 3, 1, 0)
    return values.T


def from_keras(shape, depthwise):
    """The shape that PyTorch gives a variable of this shape in Keras."""
    if len(shape) == 4:
        rows, columns, first, second = shape
        return (first, second, rows, columns) if depthwise else (second, first, rows, columns)
    return tuple(reversed(shape))


def leaves(layer):
    """The layers with variables of their own, those inside others too; normalisation of pixels has none that are learned."""
    for inner in getattr(layer, "layers", []):
        yield from leaves(inner)
    if not hasattr(layer, "layers") and layer.weights and type(layer).__name__ != "Normalization":
        yield layer


def set_keras_weights(model, row):
    for layer in leaves(model):
        module = row.module_of(layer.name)
        depthwise = type(layer).__name__ == "DepthwiseConv2D"
        for variable in layer.weights:
            own = tuple(variable.shape)
            apart = (*row.flattened[layer.name], own[1]) if len(own) == 2 and layer.name in row.flattened else own
            shape = from_keras(apart, depthwise)
            values = parity_tensor(f"{module}.{role_of(layer, variable.name)}", shape, row.gain)
            variable.assign(to_keras(values, depthwise).reshape(own))


def measure(name, row):
    """Features, logits and the outputs of stages."""
    import keras

    keras.backend.clear_session()  # layers without a name are numbered
    shape = (row.size, row.size, 3)
    build = getattr(keras.applications, row.build)
    model = build(weights=None, input_shape=shape, classifier_activation=None, **row.options)
    set_keras_weights(model, row)
    wanted = {stage: model.get_layer(layer).output for layer, stage in row.stages.items()}
    wanted |= {"features": model.get_layer(row.features).output, "logits": model.outputs[0]}
    images = row.pixels(parity_images(row.images, row.size)).transpose(0, 2, 3, 1)
    found = keras.Model(model.inputs[0], wanted)(images.astype(np.float32), training=False)
    outputs = {key: channels_first(np.asarray(output)) for key, output in found.items()}
    outputs |= {key: outputs[key].reshape(row.images, -1) for key in ("features", "logits")}
    write_fixture(name, outputs, input_size=row.size, images=row.images, gain=row.gain, dialect="keras")
    print(f"{name} (Keras): " + ", ".join(f"{k} {v.std():.3g}" for k, v in outputs.items()), file=sys.stderr)


def channels_first(values):
    return values.transpose(0, 3, 1, 2) if values.ndim == 4 else values

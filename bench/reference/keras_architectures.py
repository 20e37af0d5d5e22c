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


KERAS = {
    **{
        f"efficientnet_b{size}": Row(
            f"EfficientNetB{size}", efficientnet, "avg_pool", 70, gain=1.1 if size == 3 else 1.15, pixels=lambda x: x * 255
        )
        for size in range(4)
    },
    **{
        f"convnext_{size}": Row(
            f"ConvNeXt{size.capitalize()}",
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
            shape = from_keras(tuple(variable.shape), depthwise)
            values = parity_tensor(f"{module}.{role_of(layer, variable.name)}", shape, row.gain)
            variable.assign(to_keras(values, depthwise))


def measure(name, row):
    """Features and logits."""
    import keras

    shape = (row.size, row.size, 3)
    build = getattr(keras.applications, row.build)
    model = build(weights=None, input_shape=shape, classifier_activation=None, **row.options)
    set_keras_weights(model, row)
    features = keras.Model(model.inputs, [model.get_layer(row.features).output, *model.outputs])
    images = row.pixels(parity_images(row.images, row.size)).transpose(0, 2, 3, 1)
    outputs = [np.asarray(output) for output in features(images.astype(np.float32), training=False)]
    write_fixture(
        name,
        dict(zip(("features", "logits"), outputs)),
        input_size=row.size,
        images=row.images,
        gain=row.gain,
        dialect="keras",
    )
    print(f"{name} (Keras): features {outputs[0].std():.3g}", file=sys.stderr)
    keras.backend.clear_session()

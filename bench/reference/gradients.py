"""Reference gradients for Graft's rules (src/autodiff/rules), from PyTorch's autograd.

    python bench/reference/gradients.py > src/autodiff/rules/pytorch.reference.json

Needs PyTorch and NumPy (the tests read the JSON). Every case is an ONNX node and the PyTorch function that means the same.
Input k holds sin(1.3 i + 0.7 k + 0.5) at place i, or that rounded to halves ("ties"); the loss is the sum of the output
times cos(0.9 i + 1). Kept is every `step`-th element of each gradient.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F

KEPT = 12


def wave(dims, k, fill):
    i = np.arange(int(np.prod(dims)), dtype=np.float64)
    value = np.sin(1.3 * i + 0.7 * k + 0.5)
    if fill == "ties":
        value = np.round(value * 2) / 2
    if fill == "positive":
        value = value + 2
    return torch.tensor(value.astype(np.float32).astype(np.float64).reshape(dims))


def case(name, op, inputs, function, attributes=None, fill=None, constants=None, opset=18, domain="", frozen=()):
    return dict(
        name=name,
        op=op,
        domain=domain,
        opset=opset,
        inputs=inputs,
        function=function,
        attributes=attributes or {},
        fill=fill or {},
        constants=constants or {},
        frozen=frozen,
    )


def real(value):
    """A floating-point attribute; bare numbers are integers."""
    return {"type": "float", "value": value}


def ints(*values):
    return {"type": "int64", "dims": [len(values)], "values": list(values)}


def reals(dims, *values):
    return {"type": "float32", "dims": dims, "values": list(values)}


def stretched(x, size, mode, **options):
    return F.interpolate(x, size=size, mode=mode, **options)


ONE = dict(x=[2, 3, 4])
IMAGE = dict(x=[2, 3, 6, 5])

CASES = [
    case("dense", "Conv", dict(x=[2, 4, 7, 6], w=[5, 4, 3, 3], b=[5]), lambda x, w, b: F.conv2d(x, w, b, 1, 1), dict(pads=[1, 1, 1, 1])),
    case("wide", "Conv", dict(x=[2, 16, 5, 5], w=[3, 16, 3, 3]), lambda x, w: F.conv2d(x, w, None, 1, 1), dict(pads=[1, 1, 1, 1])),
    case("strided, with pixels left over", "Conv", dict(x=[2, 16, 8, 8], w=[4, 16, 3, 3]), lambda x, w: F.conv2d(x, w, None, 2, 1), dict(pads=[1, 1, 1, 1], strides=[2, 2])),
    case("dilated", "Conv", dict(x=[1, 17, 9, 8], w=[2, 17, 3, 2]), lambda x, w: F.conv2d(x, w, None, 1, (2, 0), (2, 3)), dict(pads=[2, 0, 2, 0], dilations=[2, 3])),
    case("pointwise, strided", "Conv", dict(x=[2, 16, 5, 6], w=[3, 16, 1, 1]), lambda x, w: F.conv2d(x, w, None, 2), dict(strides=[2, 2])),
    case("grouped", "Conv", dict(x=[2, 6, 6, 6], w=[4, 3, 3, 3]), lambda x, w: F.conv2d(x, w, None, 2, 1, 1, 2), dict(pads=[1, 1, 1, 1], strides=[2, 2], group=2)),
    case("depthwise", "Conv", dict(x=[2, 4, 6, 7], w=[4, 1, 3, 3]), lambda x, w: F.conv2d(x, w, None, 2, 1, 1, 4), dict(pads=[1, 1, 1, 1], strides=[2, 2], group=4)),
    case("depthwise, two outputs a channel, dilated", "Conv", dict(x=[2, 3, 7, 7], w=[6, 1, 3, 3]), lambda x, w: F.conv2d(x, w, None, 1, 2, 2, 3), dict(pads=[2, 2, 2, 2], dilations=[2, 2], group=3)),
    case("one axis", "Conv", dict(x=[2, 3, 9], w=[4, 3, 3]), lambda x, w: F.conv1d(x, w, None, 2, 1), dict(pads=[1, 1], strides=[2])),
    case("transposed", "ConvTranspose", dict(x=[2, 4, 4, 3], w=[4, 3, 3, 3], b=[3]), lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1, 1), dict(pads=[1, 1, 1, 1], strides=[2, 2], output_padding=[1, 1])),
    case("transposed, grouped", "ConvTranspose", dict(x=[2, 4, 4, 3], w=[4, 2, 3, 3]), lambda x, w: F.conv_transpose2d(x, w, None, 2, 1, 0, 2), dict(pads=[1, 1, 1, 1], strides=[2, 2], group=2)),
    case("", "Gemm", dict(a=[4, 3], b=[5, 4], c=[5]), lambda a, b, c: 0.5 * a.T @ b.T + 2 * c, dict(transA=1, transB=1, alpha=real(0.5), beta=real(2.0))),
    case("batched, broadcast", "MatMul", dict(a=[2, 1, 3, 4], b=[5, 4, 2]), torch.matmul),
    case("", "Softmax", ONE, lambda x: x.softmax(1), dict(axis=1)),
    case("", "LogSoftmax", ONE, lambda x: x.log_softmax(-1), dict(axis=-1)),
    case("ties", "Relu", ONE, F.relu, fill=dict(x="ties")),
    case("", "LeakyRelu", ONE, lambda x: F.leaky_relu(x, 0.2), dict(alpha=real(0.2))),
    case("", "Elu", ONE, lambda x: F.elu(x, 0.5), dict(alpha=real(0.5))),
    case("", "Selu", ONE, F.selu),
    case("", "Celu", ONE, lambda x: F.celu(x, 0.5), dict(alpha=real(0.5))),
    case("", "PRelu", dict(x=[2, 3, 4], s=[3, 1]), lambda x, s: F.prelu(x, s.reshape(3))),
    case("at its bounds, as in ReLU6", "Clip", ONE, lambda x: F.hardtanh(x, -0.5, 0.5), fill=dict(x="ties"), constants=dict(low=reals([], -0.5), high=reals([], 0.5))),
    case("", "HardSigmoid", ONE, F.hardsigmoid, dict(alpha=real(1 / 6), beta=real(0.5))),
    case("", "HardSwish", ONE, F.hardswish),
    case("", "Softplus", ONE, F.softplus),
    case("", "Softsign", ONE, F.softsign),
    case("", "Mish", ONE, F.mish),
    case("exact", "Gelu", ONE, F.gelu, opset=20),
    case("by tanh", "Gelu", ONE, lambda x: F.gelu(x, approximate="tanh"), dict(approximate="tanh"), opset=20),
    case("", "Erf", ONE, torch.erf),
    case("by both", "Pow", dict(x=[2, 3], p=[3]), torch.pow, fill=dict(x="positive")),
    case("ties", "Max", dict(a=[2, 3], b=[2, 3]), torch.maximum, fill=dict(a="ties", b="ties")),
    case("ties", "ReduceMax", dict(x=[3, 7]), lambda x: x.amax(1), dict(keepdims=0), fill=dict(x="ties"), constants=dict(axes=ints(1))),
    case("", "ReduceL2", ONE, lambda x: x.norm(dim=(0, 2), keepdim=True), constants=dict(axes=ints(0, 2))),
    case("", "ReduceLogSumExp", ONE, lambda x: x.logsumexp((1, 2)), dict(keepdims=0), constants=dict(axes=ints(1, 2))),
    case("ties", "MaxPool", IMAGE, lambda x: F.max_pool2d(x, 3, 2, 1), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]), fill=dict(x="ties")),
    case("ceil mode", "MaxPool", IMAGE, lambda x: F.max_pool2d(x, 3, 2, 0, ceil_mode=True), dict(kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)),
    case("padding counted", "AveragePool", IMAGE, lambda x: F.avg_pool2d(x, 3, 1, 1), dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)),
    case("padding not counted, ceil mode", "AveragePool", IMAGE, lambda x: F.avg_pool2d(x, 3, 2, 1, True, False), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1)),
    case("", "GlobalAveragePool", IMAGE, lambda x: x.mean((2, 3), keepdim=True)),
    case("ties", "GlobalMaxPool", IMAGE, lambda x: x.amax((2, 3), keepdim=True), fill=dict(x="ties")),
    case("inference", "BatchNormalization", dict(x=[2, 3, 4, 2], s=[3], b=[3], m=[3], v=[3]), lambda x, s, b, m, v: F.batch_norm(x, m, v, s, b, False, 0.1, 1e-3), dict(epsilon=real(1e-3)), fill=dict(v="positive"), frozen=("m", "v")),
    case("training", "BatchNormalization", dict(x=[2, 3, 4, 2], s=[3], b=[3], m=[3], v=[3]), lambda x, s, b, m, v: F.batch_norm(x, m.clone(), v.clone(), s, b, True, 0.1, 1e-3), dict(epsilon=real(1e-3), training_mode=1), fill=dict(v="positive"), frozen=("m", "v")),
    case("", "LayerNormalization", dict(x=[2, 3, 4], s=[3, 4], b=[3, 4]), lambda x, s, b: F.layer_norm(x, [3, 4], s, b, 1e-3), dict(axis=1, epsilon=real(1e-3))),
    case("", "InstanceNormalization", dict(x=[2, 3, 4, 2], s=[3], b=[3]), lambda x, s, b: F.instance_norm(x, None, None, s, b, True, 0.1, 1e-3), dict(epsilon=real(1e-3))),
    case("", "GroupNormalization", dict(x=[2, 4, 3, 2], s=[4], b=[4]), lambda x, s, b: F.group_norm(x, 2, s, b, 1e-3), dict(num_groups=2, epsilon=real(1e-3)), opset=21),
    case("linear", "Resize", IMAGE, lambda x: stretched(x, (9, 4), "bilinear"), dict(mode="linear"), constants=dict(roi=None, scales=None, sizes=ints(2, 3, 9, 4))),
    case("linear, corners aligned", "Resize", IMAGE, lambda x: stretched(x, (9, 4), "bilinear", align_corners=True), dict(mode="linear", coordinate_transformation_mode="align_corners"), constants=dict(roi=None, scales=None, sizes=ints(2, 3, 9, 4))),
    case("cubic", "Resize", IMAGE, lambda x: stretched(x, (9, 4), "bicubic"), dict(mode="cubic", cubic_coeff_a=real(-0.75)), constants=dict(roi=None, scales=None, sizes=ints(2, 3, 9, 4))),
    case("nearest", "Resize", IMAGE, lambda x: stretched(x, (12, 10), "nearest"), dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"), constants=dict(roi=None, scales=None, sizes=ints(2, 3, 12, 10))),
    case("reflected", "Pad", IMAGE, lambda x: F.pad(x, (2, 1, 3, 0), mode="reflect"), dict(mode="reflect"), constants=dict(pads=ints(0, 0, 3, 2, 0, 0, 0, 1))),
    case("edge", "Pad", IMAGE, lambda x: F.pad(x, (2, 1, 3, 0), mode="replicate"), dict(mode="edge"), constants=dict(pads=ints(0, 0, 3, 2, 0, 0, 0, 1))),
    case("rows picked twice", "Gather", dict(x=[4, 3]), lambda x: x[torch.tensor([2, 0, 2, 3, 0])], constants=dict(indices=ints(2, 0, -2, 3, 0))),
    case("", "Tile", dict(x=[2, 3]), lambda x: x.repeat(2, 2), constants=dict(repeats=ints(2, 2))),
    case("DCR", "DepthToSpace", dict(x=[1, 8, 2, 2]), lambda x: x.reshape(1, 2, 2, 2, 2, 2).permute(0, 3, 4, 1, 5, 2).reshape(1, 2, 4, 4), dict(blocksize=2)),
    case("CRD", "DepthToSpace", dict(x=[1, 8, 2, 2]), lambda x: F.pixel_shuffle(x, 2), dict(blocksize=2, mode="CRD")),
]


TWO = dict(a=[2, 3, 4], b=[3, 1])
SOME = torch.tensor([True, False, True])

CASES += [
    case("", "Add", TWO, torch.add),
    case("", "Sub", TWO, torch.sub),
    case("", "Mul", TWO, torch.mul),
    case("", "Div", TWO, torch.div, fill=dict(b="positive")),
    case("", "Mod", dict(a=[2, 3]), lambda a: torch.fmod(a, 0.375), dict(fmod=1), constants=dict(b=reals([], 0.375))),
    case("", "Sum", dict(a=[2, 3], b=[3], c=[2, 1]), lambda a, b, c: a + b + c),
    case("", "Mean", dict(a=[2, 3], b=[3], c=[2, 1]), lambda a, b, c: (a + b + c) / 3),
    case("ties", "Min", dict(a=[2, 3], b=[2, 3]), torch.minimum, fill=dict(a="ties", b="ties")),
    case("", "Where", dict(a=[2, 3], b=[2, 1]), lambda a, b: torch.where(SOME, a, b), constants=dict(condition=dict(type="bool", dims=[3], values=[1, 0, 1], first=True))),
    case("", "Identity", ONE, lambda x: x * 1),
    case("", "Neg", ONE, torch.neg),
    case("ties", "Abs", ONE, torch.abs, fill=dict(x="ties")),
    case("", "Exp", ONE, torch.exp),
    case("", "Log", ONE, torch.log, fill=dict(x="positive")),
    case("", "Sqrt", ONE, torch.sqrt, fill=dict(x="positive")),
    case("", "Reciprocal", ONE, torch.reciprocal, fill=dict(x="positive")),
    case("", "Sin", ONE, torch.sin),
    case("", "Cos", ONE, torch.cos),
    case("to the type it has", "Cast", ONE, lambda x: x * 1, dict(to=1)),
    case("", "Sigmoid", ONE, torch.sigmoid),
    case("", "Tanh", ONE, torch.tanh),
    case("", "ThresholdedRelu", ONE, lambda x: F.threshold(x, 0.3, 0), dict(alpha=real(0.3))),
    case("", "Gelu", ONE, F.gelu, domain="com.microsoft"),
    case("", "QuickGelu", ONE, lambda x: x * (1.5 * x).sigmoid(), dict(alpha=real(1.5)), domain="com.microsoft"),
    case("", "ReduceSum", ONE, lambda x: x.sum((0, 2)), dict(keepdims=0), constants=dict(axes=ints(0, -1))),
    case("", "ReduceMean", ONE, lambda x: x.mean(1, keepdim=True), constants=dict(axes=ints(1))),
    case("ties", "ReduceMin", dict(x=[3, 7]), lambda x: x.amin(0), dict(keepdims=0), fill=dict(x="ties"), constants=dict(axes=ints(0))),
    case("", "ReduceSumSquare", ONE, lambda x: (x * x).sum(1), dict(keepdims=0), constants=dict(axes=ints(1))),
    case("ties", "ReduceL1", ONE, lambda x: x.abs().sum(1), dict(keepdims=0), fill=dict(x="ties"), constants=dict(axes=ints(1))),
    case("", "ReduceLogSum", ONE, lambda x: x.sum(1).log(), dict(keepdims=0), fill=dict(x="positive"), constants=dict(axes=ints(1))),
    case("", "LpNormalization", ONE, lambda x: F.normalize(x, dim=1), dict(axis=1)),
    case("", "Reshape", ONE, lambda x: x.reshape(4, 6), constants=dict(shape=ints(4, 6))),
    case("", "Flatten", ONE, lambda x: x.flatten(1), dict(axis=1)),
    case("", "Squeeze", dict(x=[2, 1, 3]), lambda x: x.squeeze(1), constants=dict(axes=ints(1))),
    case("", "Unsqueeze", dict(x=[2, 3]), lambda x: x[:, None], constants=dict(axes=ints(1))),
    case("", "Transpose", ONE, lambda x: x.permute(2, 0, 1), dict(perm=[2, 0, 1])),
    case("", "Concat", dict(a=[2, 1, 2], b=[2, 3, 2]), lambda a, b: torch.cat((a, b), 1), dict(axis=1)),
    case("", "Split", dict(x=[2, 5]), lambda x: x[:, :2], dict(axis=1), constants=dict(sizes=ints(2, 3))),
    case("every second", "Slice", dict(x=[3, 7]), lambda x: x[:, 1:6:2], constants=dict(starts=ints(1), ends=ints(6), axes=ints(1), steps=ints(2))),
    case("", "Expand", dict(x=[3, 1]), lambda x: x.expand(2, 3, 4), constants=dict(shape=ints(2, 3, 4))),
    case("", "SpaceToDepth", dict(x=[1, 2, 4, 4]), lambda x: x.reshape(1, 2, 2, 2, 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(1, 8, 2, 2), dict(blocksize=2)),
    case("at inference", "Dropout", ONE, lambda x: F.dropout(x, 0.5, False), constants=dict(ratio=reals([], 0.5))),
    case("", "GatherElements", dict(x=[3, 2]), lambda x: x.gather(0, torch.tensor([[0, 2], [0, 1]])), dict(axis=0), constants=dict(indices=dict(type="int64", dims=[2, 2], values=[0, 2, 0, 1]))),
    case("", "GatherND", dict(x=[3, 2]), lambda x: x[[0, 2, 0], [1, 1, 1]], constants=dict(indices=dict(type="int64", dims=[3, 2], values=[0, 1, 2, 1, 0, 1]))),
]


def measure(of):
    inputs = {name: wave(dims, k, of["fill"].get(name)) for k, (name, dims) in enumerate(of["inputs"].items())}
    for name, value in inputs.items():
        value.requires_grad_(name not in of["frozen"])
    y = of["function"](*inputs.values())
    weight = np.cos(0.9 * np.arange(y.numel()) + 1)
    (y * torch.tensor(weight.reshape(y.shape))).sum().backward()
    gradients = {}
    for name, value in inputs.items():
        if name in of["frozen"]:
            continue
        flat = value.grad.reshape(-1).numpy()
        step = max(1, flat.size // KEPT) | 1
        gradients[name] = {"step": step, "values": [float(f"{g:.7g}") for g in flat[::step]]}
    del of["function"], of["frozen"]
    return {**of, "gradients": gradients}


result = {"torch": torch.__version__, "cases": [measure(of) for of in CASES]}
print("{" + f'"torch": "{torch.__version__}", "cases": [\n' + ",\n".join(json.dumps(c) for c in result["cases"]) + "\n]}")

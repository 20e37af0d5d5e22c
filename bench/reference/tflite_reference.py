"""Reference values for Graft's TensorFlow Lite reader (src/formats/tflite), from TensorFlow's own interpreter.

    python bench/reference/tflite_reference.py fixtures src/formats/tflite/fixtures
        makes the small models of the tests, each with what the interpreter answers
    python bench/reference/tflite_reference.py network graph.lite src/formats/tflite/fixtures/inception_v3.reference.json
        the answers of a real network, without the network

Needs tensorflow 2.21 (the only place where it is needed: the tests read the JSON). Inputs follow a rule that the tests
repeat: whole numbers q from 0 to 255 in the order [N, H, W, C], and real = scale * (q - zero).
"""
import base64
import gzip
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import flatbuffers
import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

layers = tf.keras.layers


def noise(shape):
    """q = (7919 i + 13) mod 256 for the element of index i."""
    return ((np.arange(np.prod(shape), dtype=np.int64) * 7919 + 13) % 256).reshape(shape)


def waves(shape):
    """q goes up and down between 0 and 255, as 3 x + 2 y + 40 c grows."""
    _, height, width, channels = shape
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    phase = (3 * x + 2 * y + 40 * c) % 510
    return np.minimum(phase, 510 - phase).reshape(shape)


RULES = {"noise": noise, "waves": waves}


def open_model(content):
    interpreter = tf.lite.Interpreter(
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    return interpreter


def dequantised(interpreter, detail):
    values = interpreter.get_tensor(detail["index"]).astype(np.float64)
    scale, zero = detail["quantization"]
    return values if scale == 0 else scale * (values - zero)


def answer(interpreter, rule):
    """Runs one input; what the input was and what comes out."""
    detail = interpreter.get_input_details()[0]
    q = RULES[rule](tuple(detail["shape"]))
    scale, zero = detail["quantization"]
    if detail["dtype"] == np.float32:
        scale, zero, fed = 1 / 128, 128, (q - 128) / 128
    elif detail["dtype"] == np.int8:
        zero, fed = zero + 128, q - 128
    else:
        fed = q
    interpreter.set_tensor(detail["index"], fed.astype(detail["dtype"]))
    interpreter.invoke()
    outputs = [
        {
            "dims": [int(size) for size in output["shape"]],
            "scale": float(output["quantization"][0]),
            "values": rounded(dequantised(interpreter, output)),
        }
        for output in interpreter.get_output_details()
    ]
    shape = [int(size) for size in detail["shape"]]
    return {"input": {"rule": rule, "dims": shape, "scale": float(scale), "zero": int(zero)}, "outputs": outputs}


def rounded(values):
    return [float(f"{value:.6g}") for value in np.asarray(values).ravel()]


def write(path, content):
    with open(path, "w") as file:
        json.dump(content, file, separators=(",", ":"))
        file.write("\n")
    print(path, os.path.getsize(path), "bytes", file=sys.stderr)


def save_fixture(folder, name, content):
    interpreter = open_model(content)
    operators = sorted({detail["op_name"] for detail in interpreter._get_ops_details()})
    answers = [answer(interpreter, rule) for rule in RULES]
    model = base64.b64encode(gzip.compress(content, mtime=0)).decode()
    write(os.path.join(folder, f"{name}.json"), {"operators": operators, "answers": answers, "model": model})


def with_weights(model, seed):
    """Gives every weight a reproducible value of a useful size."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        fan_in = max(1, int(np.prod(weight.shape[:-1])))
        weight.assign(generator.normal(0, 1.2 / np.sqrt(fan_in) if len(weight.shape) > 1 else 0.2, weight.shape))
    return model


def windows():
    """Convolutions and poolings with SAME padding on odd and even sizes, then rows in the order H, W, C."""
    image = layers.Input((11, 8, 3), batch_size=1)
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="relu6")(x)
    x = layers.Conv2D(5, (2, 3), padding="valid", dilation_rate=1)(x)
    a = layers.AveragePooling2D(3, strides=2, padding="same")(x)
    b = layers.MaxPooling2D(2, strides=2, padding="same")(x)
    x = layers.Concatenate()([a, b])
    x = layers.Flatten()(x)
    return with_weights(tf.keras.Model(image, layers.Dense(6, activation="softmax")(x)), 1)


def numbers():
    """Arithmetic with constants and between images, activations, means, padding, resizing, joining by height."""
    image = layers.Input((5, 7, 3), batch_size=1)
    x = layers.Conv2D(4, 1)(image)
    shift = tf.constant([0.1, -0.2, 0.3, -0.4])
    plane = tf.constant(np.linspace(-1, 1, 5 * 7 * 4).reshape(5, 7, 4), tf.float32)
    x = layers.Lambda(lambda t: tf.tanh(t * shift) - t)(x)
    x = layers.Lambda(lambda t: t + plane)(x)
    gate = layers.Lambda(lambda t: tf.reduce_mean(t, [1, 2], keepdims=True))(x)
    gate = layers.Conv2D(4, 1, activation="sigmoid")(gate)
    x = layers.Multiply()([x, gate])
    x = layers.Lambda(lambda t: t * tf.nn.relu6(t + 3.0) * (1 / 6))(x)
    x = layers.ZeroPadding2D(((1, 0), (0, 2)))(x)
    x = layers.Lambda(lambda t: tf.nn.relu6(t) - tf.nn.relu(tf.nn.relu6(t) - t))(x)
    a = layers.Lambda(lambda t: tf.image.resize(t, (9, 4)))(x)
    b = layers.Lambda(lambda t: tf.compat.v1.image.resize_bilinear(t, (3, 4)))(x)
    c = layers.Lambda(lambda t: tf.compat.v1.image.resize_bilinear(t, (2, 4), align_corners=True))(x)
    x = layers.Concatenate(axis=1)([a, b, c])
    x = layers.Lambda(lambda t: tf.nn.softmax(2.0 * t))(x)
    y = layers.GlobalAveragePooling2D()(x)
    z = layers.Lambda(lambda t: tf.squeeze(tf.nn.max_pool2d(t, (14, 4), 1, "VALID"), [1, 2]))(x)
    return with_weights(tf.keras.Model(image, [x, y, z]), 2)


def small():
    """What the quantised and half-precision versions are made of."""
    image = layers.Input((9, 8, 3), batch_size=1)
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu6")(image)
    y = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Add()([x, y])
    x = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    x = layers.Concatenate()([x, layers.Conv2D(8, 1, activation="relu")(x)])
    x = layers.ZeroPadding2D(1)(x)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Reshape((24,))(x)
    return with_weights(tf.keras.Model(image, layers.Dense(48)(x)), 3)


def open_batch():
    """Reshapes to another image, with a shape that the graph computes because the batch is open."""
    image = layers.Input((4, 6, 3))
    x = layers.Reshape((6, 2, 6))(image)
    x = layers.Conv2D(3, 2, padding="same", activation="relu")(x)
    x = layers.Reshape((36,))(x)
    return with_weights(tf.keras.Model(image, layers.Dense(4)(x)), 4)


def converted(model, **settings):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    for key, value in settings.items():
        setattr(converter, key, value)
    return converter.convert()


def quantised(model, io):
    def examples():
        for rule in RULES.values():
            yield [((rule((1, *model.input_shape[1:])) - 128) / 128).astype(np.float32)]

    return converted(
        model,
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=examples,
        target_spec=tf.lite.TargetSpec(supported_ops=[tf.lite.OpsSet.TFLITE_BUILTINS_INT8]),
        inference_input_type=io,
        inference_output_type=io,
    )


class Legacy:
    """A model as TensorFlow 1 exported it after quantisation-aware training: uint8 everywhere, one scale a tensor."""

    def __init__(self):
        self.model = schema.ModelT()
        self.model.version, self.model.description = 3, "Graft test"
        self.model.operatorCodes, self.model.buffers = [], [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, name, shape, kind, scale=None, zero=0, values=None):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, 0
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero]
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, code, inputs, output, member, options):
        names = [known.builtinCode for known in self.model.operatorCodes]
        if code not in names:
            entry = schema.OperatorCodeT()
            entry.deprecatedBuiltinCode, entry.builtinCode, entry.version = code, code, 1
            self.model.operatorCodes.append(entry)
            names.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = names.index(code), inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = member, options
        self.graph.operators.append(operator)

    def bytes(self, inputs, outputs):
        self.graph.inputs, self.graph.outputs = inputs, outputs
        builder = flatbuffers.Builder(4096)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def options(kind, **fields):
    made = kind()
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def legacy():
    generator = np.random.default_rng(5)
    made = Legacy()
    uint8, int32 = schema.TensorType.UINT8, schema.TensorType.INT32
    operators, unions = schema.BuiltinOperator, schema.BuiltinOptions
    image = made.tensor("input image", (1, 9, 7, 3), uint8, 1 / 128, 128)

    def convolution(source, source_scale, name, shape, out_shape, stride, scale, zero):
        weights = generator.integers(0, 256, shape).astype(np.uint8)
        bias = generator.integers(-4000, 4000, shape[0]).astype(np.int32)
        filter_ = made.tensor(f"{name}/weights", shape, uint8, 0.008, 121, weights)
        biases = made.tensor(f"{name}/bias", (shape[0],), int32, 0.008 * source_scale, 0, bias)
        output = made.tensor(name, out_shape, uint8, scale, zero)
        window = options(schema.Conv2DOptionsT, padding=0, strideW=stride, strideH=stride)
        made.operator(operators.CONV_2D, [source, filter_, biases], output, unions.Conv2DOptions, window)
        return output

    # Ranges that cut through the values: without the clamp the answers would differ.
    a = convolution(image, 1 / 128, "first/Relu", (6, 3, 3, 3), (1, 5, 4, 6), 2, 0.01, 0)
    b = convolution(a, 0.01, "second/Relu6", (4, 1, 1, 6), (1, 5, 4, 4), 1, 0.004, 60)
    pooled = made.tensor("pool", (1, 5, 4, 6), uint8, 0.01, 0)
    window = options(schema.Pool2DOptionsT, padding=0, strideW=1, strideH=1, filterWidth=3, filterHeight=3)
    made.operator(operators.AVERAGE_POOL_2D, [a], pooled, unions.Pool2DOptions, window)
    joined = made.tensor("concat;with+signs", (1, 5, 4, 10), uint8, 0.0126, 19)
    made.operator(
        operators.CONCATENATION, [pooled, b], joined, unions.ConcatenationOptions, options(schema.ConcatenationOptionsT, axis=3)
    )
    top = made.tensor("max", (1, 1, 1, 10), uint8, 0.0126, 19)
    window = options(schema.Pool2DOptionsT, padding=1, strideW=1, strideH=1, filterWidth=4, filterHeight=5)
    made.operator(operators.MAX_POOL_2D, [joined], top, unions.Pool2DOptions, window)
    shape = made.tensor("shape", (2,), int32, values=np.array([1, 10], np.int32))
    output = made.tensor("output", (1, 10), uint8, 0.0126, 19)
    made.operator(
        operators.RESHAPE, [top, shape], output, unions.ReshapeOptions, options(schema.ReshapeOptionsT, newShape=[1, 10])
    )
    return made.bytes([image], [output, joined])


def by_hand():
    """Operators that TensorFlow's converter fuses or replaces: activations of their own, squeezing, rows of rank 3."""
    made = Legacy()
    real, int32 = schema.TensorType.FLOAT32, schema.TensorType.INT32
    operators, unions = schema.BuiltinOperator, schema.BuiltinOptions
    image = made.tensor("image", (1, 4, 1, 3), real)
    names = ("relu", "bounded", "difference")
    relu, bounded, difference = (made.tensor(name, (1, 4, 1, 3), real) for name in names)
    made.operator(operators.RELU, [image], relu, 0, None)
    made.operator(operators.RELU_N1_TO_1, [relu], bounded, 0, None)
    made.operator(operators.SUB, [image, bounded], difference, unions.SubOptions, options(schema.SubOptionsT))
    rows = made.tensor("rows", (1, 4, 3), real)
    squeeze = options(schema.SqueezeOptionsT, squeezeDims=[2])
    made.operator(operators.SQUEEZE, [difference], rows, unions.SqueezeOptions, squeeze)
    weights = made.tensor("weights", (2, 3), real, values=np.linspace(-1, 1, 6).astype(np.float32))
    bias = made.tensor("bias", (2,), real, values=np.array([0.5, -0.5], np.float32))
    mapped = made.tensor("mapped", (1, 4, 2), real)
    dense = options(schema.FullyConnectedOptionsT, keepNumDims=True, fusedActivationFunction=1)
    made.operator(operators.FULLY_CONNECTED, [rows, weights, bias], mapped, unions.FullyConnectedOptions, dense)
    back = made.tensor("back", (1, 4, 2, 1), real)
    axis = made.tensor("axis", (1,), int32, values=np.array([3], np.int32))
    made.operator(operators.EXPAND_DIMS, [mapped, axis], back, unions.ExpandDimsOptions, options(schema.ExpandDimsOptionsT))
    sharp = made.tensor("sharp", (1, 4, 2), real)
    made.operator(operators.SOFTMAX, [mapped], sharp, unions.SoftmaxOptions, options(schema.SoftmaxOptionsT, beta=2.5))
    return made.bytes([image], [rows, back, sharp])


def unknown():
    """An operator that Graft does not know."""
    image = layers.Input((2, 2, 3), batch_size=1)
    return tf.keras.Model(image, layers.Lambda(lambda t: tf.sin(t))(image))


def fixtures(folder):
    save_fixture(folder, "windows", converted(windows()))
    save_fixture(folder, "numbers", converted(numbers()))
    save_fixture(folder, "open_batch", converted(open_batch()))
    half = {"target_spec": tf.lite.TargetSpec(supported_types=[tf.float16])}
    save_fixture(folder, "float16", converted(small(), optimizations=[tf.lite.Optimize.DEFAULT], **half))
    save_fixture(folder, "weights_int8", converted(small(), optimizations=[tf.lite.Optimize.DEFAULT]))
    save_fixture(folder, "int8", quantised(small(), tf.int8))
    save_fixture(folder, "uint8_ends", quantised(small(), tf.uint8))
    save_fixture(folder, "uint8_legacy", legacy())
    save_fixture(folder, "by_hand", by_hand())
    save_fixture(folder, "unknown", converted(unknown()))


def network(path, target):
    """Means and extremes of a few tensors on the way, and the whole output."""
    with open(path, "rb") as file:
        interpreter = open_model(file.read())
    details = {detail["name"]: detail for detail in interpreter.get_tensor_details()}
    names = [name for name in details if name.endswith(("/concat", "/AvgPool", "/MaxPool")) and name.count("/") == 2]
    names = [name for name in names if "Branch" not in name] + ["InceptionV3/Logits/AvgPool_1a_8x8/AvgPool"]
    answers = []
    for rule in RULES:
        result = answer(interpreter, rule)
        tensors = {}
        for name in dict.fromkeys(["InceptionV3/InceptionV3/Conv2d_1a_3x3/Relu", *names]):
            values = dequantised(interpreter, details[name])
            tensors[name] = {
                "scale": float(details[name]["quantization"][0]),
                "mean": float(f"{values.mean():.6g}"),
                "deviation": float(f"{values.std():.6g}"),
            }
        answers.append({**result, "tensors": tensors})
    write(target, {"answers": answers})


if __name__ == "__main__":
    {"fixtures": fixtures, "network": network}[sys.argv[1]](*sys.argv[2:])

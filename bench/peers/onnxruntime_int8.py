"""Quantises the network of a model that Graft trained, by ONNX Runtime's own tool, in each of its formats; prints JSON with what each
takes for one image and which operators take it. Ranges are of noise: the speed counts, not the answers."""
import collections
import json
import os
import sys
import tempfile
import time

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import numpy as np
import onnx
import onnxruntime as ort
from onnx import utils
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

folder = tempfile.mkdtemp()
inside = os.path.join(folder, "network.onnx")
utils.extract_model(sys.argv[1], inside, ["pixels"], ["logits"], check_model=False)
network = onnx.load(inside)
shapes = [[1, 3, 224, 224], [1, 224, 224, 3], [1, 3, 299, 299], [1, 299, 299, 3]]


def accepted():
    session = ort.InferenceSession(inside)
    for shape in shapes:
        try:
            session.run(None, {"pixels": np.zeros(shape, np.float32)})
            return shape
        except Exception:
            continue
    raise SystemExit("no shape fits the network's input")


shape = accepted()
del network.graph.input[:]
network.graph.input.append(onnx.helper.make_tensor_value_info("pixels", onnx.TensorProto.FLOAT, shape))
onnx.save(network, inside)
noise = np.random.default_rng(0)
ready = os.path.join(folder, "ready.onnx")
quant_pre_process(inside, ready)


class Noise(CalibrationDataReader):
    def __init__(self):
        self.left = iter([{"pixels": noise.uniform(-1, 1, shape).astype(np.float32)} for _ in range(4)])

    def get_next(self):
        return next(self.left, None)


def static(name, style, activations):
    path = os.path.join(folder, name)
    quantize_static(ready, path, Noise(), quant_format=style, activation_type=activations,
                    weight_type=QuantType.QInt8, per_channel=True)
    return path


def dynamic():
    path = os.path.join(folder, "dynamic.onnx")
    quantize_dynamic(ready, path, weight_type=QuantType.QUInt8)
    return path


files = {
    "float32": ready,
    "static QDQ, uint8 × int8": static("qdq.onnx", QuantFormat.QDQ, QuantType.QUInt8),
    "static QOperator, uint8 × int8": static("operator.onnx", QuantFormat.QOperator, QuantType.QUInt8),
    "static QDQ, int8 × int8": static("int8.onnx", QuantFormat.QDQ, QuantType.QInt8),
    "dynamic, uint8 × uint8": dynamic(),
}
x = {"pixels": noise.uniform(-1, 1, shape).astype(np.float32)}


def opened(path, threads, profile=False):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.enable_profiling = profile
    options.profile_file_prefix = os.path.join(folder, "profile")
    return ort.InferenceSession(path, options)


sessions = {name: opened(path, 2) for name, path in files.items()}
times = collections.defaultdict(list)
for turn in range(12):
    for name, session in sessions.items():
        began = time.perf_counter()
        session.run(None, x)
        if turn > 0:
            times[name].append(1000 * (time.perf_counter() - began))


def operators(path, runs=4):
    session = opened(path, 1, True)
    for _ in range(runs):
        session.run(None, x)
    spent = collections.Counter()
    for event in json.load(open(session.end_profiling())):
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"]] += event["dur"] / 1000 / runs
    return spent.most_common(4)


print(json.dumps({"formats": [
    {"format": name, "milliseconds": float(np.median(times[name])), "operators": operators(path)} for name, path in files.items()
]}))

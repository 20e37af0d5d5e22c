"""The server that a Python user would write for the same model.onnx: FastAPI, uvicorn, Pillow, ONNX Runtime.

    python bench/peers/fastapi_serve.py MODEL --port P [--workers W] [--threads T]

Answers `POST /predict` (a form with one file, `image`) with {"label", "probability"}. `--workers` are processes, each with
its own session; `--threads` are those of one run (0: ONNX Runtime's default, all cores). Its access log is off.
"""
import argparse
import io
import json
import os

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--workers", type=int, default=1)
parser.add_argument("--threads", type=int, default=0)


def create_app():
    import numpy as np
    import onnxruntime as ort
    from fastapi import FastAPI, File, UploadFile
    from PIL import Image, ImageOps

    options = ort.SessionOptions()
    options.intra_op_num_threads = int(os.environ["PEER_THREADS"])
    session = ort.InferenceSession(os.environ["PEER_MODEL"], options, providers=["CPUExecutionProvider"])
    classes = json.loads(session.get_modelmeta().custom_metadata_map["graft.classes"])
    app = FastAPI()

    # Not async: FastAPI then runs it on its thread pool, and requests are decoded side by side.
    @app.post("/predict")
    def predict(image: UploadFile = File()):
        picture = ImageOps.exif_transpose(Image.open(io.BytesIO(image.file.read()))).convert("RGB")
        (probabilities,) = session.run(["probabilities"], {"image": np.asarray(picture)[None]})
        best = int(probabilities[0].argmax())
        return {"label": classes[best], "probability": float(probabilities[0, best])}

    return app


if __name__ == "__main__":
    import uvicorn

    given = parser.parse_args()
    os.environ["PEER_MODEL"] = given.model
    os.environ["PEER_THREADS"] = str(given.threads)
    uvicorn.run(
        "fastapi_serve:create_app",
        factory=True,
        host="127.0.0.1",
        port=given.port,
        workers=given.workers,
        access_log=False,
        log_level="warning",
        loop="uvloop",
        http="httptools",
        app_dir=os.path.dirname(os.path.abspath(__file__)),
    )

/** Code for using the model from Node, a browser and Python, with this model's file name and classes. */
import { artifactKeys } from "../../model/artifact-graph.ts";
import { html } from "../html.ts";
import type { Section } from "../page-shell.ts";

export const usageSection: Section = ({ modelFile, dataset, network }) => {
  const blocks = [
    { name: "Node", needs: "npm install onnxruntime-node sharp", code: nodeCode(modelFile, dataset.classes) },
    { name: "Browser", needs: "npm install onnxruntime-web", code: browserCode(modelFile, dataset.classes) },
    { name: "Python", needs: "pip install onnxruntime pillow", code: pythonCode(modelFile) },
  ];
  return {
    id: "use",
    title: "How to use the model",
    body: html`
<p class="lead"><code>${modelFile}</code> runs without Graft. Its input <code>image</code> is uint8 <code>[N, H, W, 3]</code>, RGB, of any size; resizing,
normalisation and temperature are part of the model. Its outputs are <code>probabilities</code> <code>[N, ${dataset.classes.length}]</code>, <code>logits</code>
<code>[N, ${dataset.classes.length}]</code>, <code>features</code> <code>[N, ${network.features}]</code> and <code>novelty</code> <code>[N]</code>. The class names are in the metadata as JSON, under <code>${artifactKeys.classes}</code>.</p>
${blocks.map(
  ({ name, needs, code }) => html`<h3>${name}</h3>
<p class="lead"><code>${needs}</code></p>
<pre tabindex="0" aria-label="${name} code"><code class="language-${name.toLowerCase()}">${code}</code></pre>
`,
)}`,
  };
};

/** A string or list as source code, JavaScript's and Python's alike, safe to paste even into a `<script>`. */
const literal = (value: string | readonly string[]): string =>
  (typeof value === "string" ? JSON.stringify(value) : `[${value.map((item) => JSON.stringify(item)).join(", ")}]`)
    .replaceAll("<", "\\u003c")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");

/** Node's binding gives no access to a model's metadata, so the code contains the class names. */
const nodeCode = (file: string, classes: readonly string[]): string => `import * as ort from "onnxruntime-node";
import sharp from "sharp";

process.env.ORT_DISABLE_TELEMETRY = "1"; // otherwise ONNX Runtime reports the model to Microsoft
const classes = ${literal(classes)};
const session = await ort.InferenceSession.create(${literal(file)});

const { data, info } = await sharp("photo.jpg")
  .rotate() // apply EXIF orientation
  .flatten({ background: "white" })
  .toColourspace("srgb")
  .raw()
  .toBuffer({ resolveWithObject: true });
const image = new ort.Tensor("uint8", new Uint8Array(data), [1, info.height, info.width, 3]);
const { probabilities } = await session.run({ image }, ["probabilities"]);

const best = probabilities.data.indexOf(Math.max(...probabilities.data));
console.log(classes[best], probabilities.data[best]);`;

const browserCode = (file: string, classes: readonly string[]): string => `import * as ort from "onnxruntime-web";

const classes = ${literal(classes)};
const session = await ort.InferenceSession.create(${literal(file)}); // a URL

/** The most probable class of a File or Blob. */
export async function classify(photo) {
  const bitmap = await createImageBitmap(photo);
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, width, height).data;
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) rgb.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  const image = new ort.Tensor("uint8", rgb, [1, height, width, 3]);
  const { probabilities } = await session.run({ image }, ["probabilities"]);
  const best = probabilities.data.indexOf(Math.max(...probabilities.data));
  return { label: classes[best], probability: probabilities.data[best] };
}`;

const pythonCode = (file: string): string => `import json
import os
from PIL import Image, ImageOps

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # otherwise ONNX Runtime reports the model to Microsoft
import onnxruntime as ort

session = ort.InferenceSession(${literal(file)})
classes = json.loads(session.get_modelmeta().custom_metadata_map[${literal(artifactKeys.classes)}])

photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGBA")
white = Image.new("RGBA", photo.size, "white")
image = np.asarray(Image.alpha_composite(white, photo).convert("RGB"))[None]  # [1, H, W, 3]
[probabilities] = session.run(["probabilities"], {"image": image})

best = int(probabilities[0].argmax())
print(classes[best], float(probabilities[0, best]))`;

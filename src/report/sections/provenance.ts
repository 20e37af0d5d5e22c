/** The sections on how the model was made (network, data, settings, time) and how to use it. */

import { artifactKeys } from "../../model/artifact-graph.ts";
import type { ReportInput } from "../../run/report-input.ts";
import { bar, big, count, duration, factTable, type Html, html, percent, plural, rate } from "../html.ts";
import type { Section } from "../page-shell.ts";

/** The number of characters of a SHA-256 to show; the title attribute has all of it. */
const SHORT_HASH = 12;

export const provenanceSection: Section = (input) => {
  const { network } = input;
  return {
    id: "making",
    title: "How the model was made",
    body: html`
<p class="lead">${lead(input)}</p>
<div class="pair">
${data(input)}
${factTable("The network", [
  ["Name", network.name],
  ["Description", network.description],
  ["Licence", network.licence],
  ["Source", network.source],
  ["Weights’ SHA-256", html`<code title="${network.sha256}">${network.sha256.slice(0, SHORT_HASH)}…</code>`],
  ["Parameters", big(network.parameters)],
  ["Input", `${network.inputSize} × ${network.inputSize} pixels`],
  ["Cut at", html`<code>${network.cut}</code>`],
  ["Features", network.views === "mirrored" ? "mean over each image and its mirror image" : null],
])}
</div>
${choiceOf(input)}
<h3>Time per step</h3>
${timings(input)}`,
  };
};

const headWords: Readonly<Record<ReportInput["head"]["kind"], string>> = {
  "logistic-regression": "logistic regression",
};

/** What was trained; for a fine-tuning also which weights were kept, and why. */
function lead({ network, head, finetune }: ReportInput): string {
  const { features } = network;
  const frozen = `The network below is frozen up to its cut, where it turns an image into ${count(features)} features. A new head, a ${headWords[head.kind]}, was trained on these features.`;
  if (!finetune) return frozen;
  const { kept, stages, epochs, why } = finetune;
  return kept === "fine-tuned"
    ? `The network below turns an image into ${count(features)} features at its cut. A new head was trained on these features, then ${stages.join(", ")} together with it, for ${plural(epochs, "epoch")}. ${why}`
    : `${frozen} Graft also tried to fine-tune ${stages.join(", ")} for ${plural(epochs, "epoch")}. ${why}`;
}

const validated = (source: ReportInput["validation"]["source"], images: number): string =>
  ({
    folder: plural(images, "image"),
    "held-out": `${plural(images, "image")}, held out of the training images`,
    "cross-validation": "by cross-validation",
  })[source];

function data({ dataset, head, seed, validation }: ReportInput): Html {
  const { counts, classes } = dataset;
  return factTable("The data and the head", [
    ["Dataset", html`<code>${dataset.path}</code>`],
    ["Classes", count(classes.length)],
    ["Training", plural(counts.train, "image")],
    ["Validation", validated(validation.source, counts.validation)],
    [
      "Test",
      counts.test === 0
        ? "none"
        : `${plural(counts.test, "image")}, ${dataset.testSource === "folder" ? "separate folder" : "held out"}`,
    ],
    ["Skipped", plural(counts.skipped, "file")],
    ["Head", `${headWords[head.kind]}, L2 penalty ${head.l2}`],
    ["Cross-validated", `${percent(head.crossValidatedAccuracy)} accuracy, ${plural(head.folds, "fold")}`],
    ["Seed", String(seed)],
  ]);
}

/** The features that cross-validation compared, if there were several. */
function choiceOf({ choice }: ReportInput): Html | null {
  if (!choice || choice.tried.length < 2) return null;
  const rows = choice.tried.map(({ cut, views, features, accuracy, logLoss, gain, standardError, seconds }) => {
    const isTaken = cut === choice.cut && views === choice.views;
    const against = gain === null || standardError === null ? "—" : `${gain.toFixed(3)} ± ${standardError.toFixed(3)}`;
    return html`<tr><th scope="row"><code>${cut}</code>${views === "mirrored" ? ", mirrored views" : ""}${isTaken ? " (selected)" : ""}</th>
<td class="number">${count(features)}</td><td class="number">${percent(accuracy)}</td><td class="number">${logLoss.toFixed(3)}</td>
<td class="number">${against}</td><td class="number">${duration(seconds)}</td></tr>\n`;
  });
  return html`<h3>Choice of features</h3>
<table><caption>Compared by cross-validation on the training images. Graft selects another cut than the network’s own (the first row), or mirrored views, only if the log loss drops by more than its standard error.</caption>
<thead><tr><th scope="col">Cut</th><th scope="col" class="number">Features</th><th scope="col" class="number">Accuracy</th><th scope="col" class="number">Log loss</th>
<th scope="col" class="number">Gain</th><th scope="col" class="number">Time</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}

/** Parts of the total; reading and features overlap, so the parts need not add up to it. */
function timings({ timings, rates }: ReportInput): Html {
  const parts: readonly (readonly [string, number, number])[] = [
    ["Decoding images", timings.decode, rates.decode],
    ["Features from the network", timings.extract, rates.forward],
    ["Search for copies", timings.copies ?? 0, 0],
    ["Training the head", timings.head, 0],
    ["Fine-tuning", timings.finetune, rates.step],
    ["Out-of-distribution score", timings.uncertainty ?? 0, 0],
    ["Auditing the data", timings.audit ?? 0, 0],
    ["Explaining predictions", timings.explanations ?? 0, 0],
  ];
  const rows = parts
    .filter(([, seconds]) => seconds > 0)
    .map(
      ([name, seconds, speed]) => html`<tr><th scope="row">${name}${bar(Math.min(1, seconds / timings.total))}</th>
<td class="number">${duration(seconds)}</td><td class="number">${speed > 0 ? rate(speed) : "—"}</td></tr>\n`,
    );
  return html`<table><caption>Decoding runs in parallel with the network, so the parts can add up to more than the total. Images with cached features take no time.</caption>
<thead><tr><th scope="col">Step</th><th scope="col" class="number">Time</th><th scope="col" class="number">Images/s</th></tr></thead>
<tbody>${rows}<tr><th scope="row">Total</th><td class="number">${duration(timings.total)}</td><td class="number">—</td></tr></tbody></table>`;
}

// Code for using the model from Node, a browser and Python, with this model's file name and classes.

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

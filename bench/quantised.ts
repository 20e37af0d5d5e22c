/**
 * Bench `quantised`: what 8-bit integers gain and lose. Trained models before and after `graft export --int8`; and beside them, where a
 * Python with ONNX Runtime's quantiser is at hand, each of its formats, with the time that operators take.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../src/base/errors.ts";
import { writeWhole } from "../src/base/files.ts";
import { discoverDataset } from "../src/data/dataset/discover.ts";
import { openNetwork } from "../src/networks/open.ts";
import { encodeModelWhole } from "../src/onnx/codec/write-model.ts";
import { exportInt8 } from "../src/run/export-int8.ts";
import { train } from "../src/train/train-dataset.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { installHint, PYTHON, pythonPackages } from "./support/python.ts";
import { runJson } from "./support/run.ts";
import { shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";

const NEEDED = ["onnx", "onnxruntime"];
const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

interface Format {
  readonly format: string;
  readonly milliseconds: number;
  readonly operators: readonly (readonly [operator: string, milliseconds: number])[];
}

/** Measures and prints. */
export async function benchQuantised(given: readonly string[]): Promise<void> {
  const { networks, data } = readFlags(given, { networks: "resnet50,inception_v3,mobilenet", data: "flowers,pollen" });
  console.log(machine());
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  try {
    const rows = [
      ["network", "dataset", "accuracy", "in int8", "difference (95%)", "same class", "ms", "ms in int8", "faster"],
    ];
    for (const name of networks.split(",")) {
      const file = name === "mobilenet" ? shared("networks", "mobilenet_v2_100_224.onnx") : name;
      const network = await openNetwork(file);
      for (const dataset of data.split(",")) rows.push(await compared(name, network, dataset, folder));
      await compareFormats(name, folder);
    }
    printTable("`graft export --int8`; the time is of one image, preparation included", rows);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function compared(
  name: string,
  network: Awaited<ReturnType<typeof openNetwork>>,
  dataset: string,
  folder: string,
): Promise<string[]> {
  const found = await discoverDataset(shared("datasets", dataset));
  const { artifact } = await train({ dataset: found, network });
  const path = join(folder, `${name}.onnx`);
  const bytes = encodeModelWhole(artifact);
  await writeWhole(path, bytes);
  try {
    const out = join(folder, "int8.onnx");
    const { judged, latencyMs } = await exportInt8({ path, bytes }, found, { out, acceptLoss: 1 });
    const { accuracy, difference, same, images } = judged;
    const [low, high] = difference.interval.map(percent);
    return [
      ...[
        name,
        dataset,
        percent(accuracy.before),
        percent(accuracy.after),
        `${percent(difference.mean)} (${low} to ${high})`,
      ],
      ...[`${same} of ${images}`, latencyMs.before.toFixed(1), latencyMs.after.toFixed(1)],
      `${(latencyMs.before / latencyMs.after).toFixed(2)}×`,
    ];
  } catch (error) {
    return [name, dataset, messageOf(error)];
  }
}

async function compareFormats(name: string, folder: string): Promise<void> {
  const found = await pythonPackages(NEEDED);
  const missing = NEEDED.filter((one) => found[one] === undefined);
  if (missing.length > 0) return console.log(installHint(missing));
  const script = fileURLToPath(new URL("./peers/onnxruntime_int8.py", import.meta.url));
  const { json } = await runJson(PYTHON, [script, join(folder, `${name}.onnx`)]);
  const formats = (json as unknown as { formats: readonly Format[] }).formats;
  const float = formats[0]!.milliseconds;
  printTable(`${name} by ONNX Runtime's own quantiser, two threads; operators on one thread`, [
    ["format", "ms", "faster", "where the time goes"],
    ...formats.map(({ format, milliseconds, operators }) => [
      ...[format, milliseconds.toFixed(1), `${(float / milliseconds).toFixed(2)}×`],
      operators.map(([operator, ms]) => `${operator} ${ms.toFixed(1)}`).join(", "),
    ]),
  ]);
}

/**
 * Reads Keras' weights in HDF5: files of Keras Applications and of `save_weights("x.h5")` (a group per layer, with its weights' names as
 * attributes), whole models (with `model_weights`), and `save_weights("x.weights.h5")` of Keras 3 (numbered variables). All become entries
 * `layer/variable` with Keras' names: `conv1_conv/kernel`, `bn_Conv1/moving_mean`. How they map to networks is not known here.
 */
import { dataError } from "../../base/errors.ts";
import type { Ranges } from "../weight-file.ts";
import { tensorOf, type WeightFile } from "../weight-file.ts";
import type { Dataset } from "./hdf5-dataset.ts";
import { type Group, readHdf5 } from "./hdf5-file.ts";

/** The variables that Keras 3 numbers in `.weights.h5`, by the layer's class, which is its group's name, and their count. */
const variables: readonly { readonly layer: RegExp; readonly names: readonly string[] }[] = [
  { layer: /^batch_normalization(_\d+)?$/, names: ["gamma", "beta", "moving_mean", "moving_variance"] },
  // Without a scale.
  { layer: /^batch_normalization(_\d+)?$/, names: ["beta", "moving_mean", "moving_variance"] },
  { layer: /^layer_normalization(_\d+)?$/, names: ["gamma", "beta"] },
  { layer: /^normalization(_\d+)?$/, names: ["mean", "variance", "count"] },
  { layer: /^layer_scale(_\d+)?$/, names: ["gamma"] },
  { layer: /^(conv2d|depthwise_conv2d|dense)(_\d+)?$/, names: ["kernel", "bias"] },
  { layer: /^(conv2d|depthwise_conv2d|dense)(_\d+)?$/, names: ["kernel"] },
];

/** The names of variables in other versions of Keras. `_W_1` occurs in the first VGG files. */
const synonyms: readonly (readonly [RegExp, string])[] = [
  [/:\d+$/, ""],
  [/^depthwise_kernel$/, "kernel"],
  [/^.+_W(_\d+)?$/, "kernel"],
  [/^.+_b(_\d+)?$/, "bias"],
  [/^variable(_\d+)?$/i, "gamma"],
];

/**
 * Unnamed layers are numbered throughout a Python session: `conv2d_94` may be a network's first. They are renumbered as in a new session;
 * the first has no number.
 */
const NUMBERED = /^(conv2d|batch_normalization|layer_normalization|dense)(?:_(\d+))?$/;

/** Groups next to the weights in whole models. */
const BESIDE = new Set(["optimizer_weights", "optimizer"]);

/**
 * Opens an HDF5 file of Keras. Closing it closes `ranges`.
 *
 * @throws GraftError (`data`) if it is damaged or has no weights
 */
export async function openKerasH5(ranges: Ranges): Promise<WeightFile> {
  const { path } = ranges;
  const root = await readHdf5(ranges);
  const weights = root.groups.get("model_weights") ?? root;
  const found: (readonly [layer: string, variable: string, dataset: Dataset])[] = [];
  await collect(weights, "", found, path);
  const renamed = renumber(found.map(([layer]) => layer));
  const datasets = new Map<string, Dataset>();
  for (const [layer, variable, dataset] of found) {
    const name = `${renamed.get(layer) ?? layer}/${variable}`;
    if (datasets.has(name)) throw dataError(`${path} has two weights "${name}": save the network's weights alone.`);
    datasets.set(name, dataset);
  }
  if (datasets.size === 0) throw dataError(`${path} contains no weights: pass a file that Keras' save_weights wrote.`);
  const layers = (await layersInOrder(weights))?.flatMap((layer) =>
    found.some(([name]) => name === layer) ? [renamed.get(layer) ?? layer] : [],
  );
  const nested = new Set(layers).size < new Set(found.map(([layer]) => layer)).size;
  return {
    path,
    format: "HDF5",
    entries: datasets,
    layers: nested ? undefined : layers,
    async read(name) {
      const dataset = datasets.get(name);
      if (!dataset) throw new RangeError(`${path} has no weight "${name}".`);
      const { place, length } = dataset;
      return tensorOf(dataset, "bytes" in place ? place.bytes.slice() : await ranges.read(place.offset, length));
    },
    digest: () => ranges.digest(),
    close: () => ranges.close(),
  };
}

/** The attribute `layer_names`; long lists are split into `layer_names0`, `layer_names1`, …. */
async function layersInOrder(weights: Group): Promise<readonly string[] | undefined> {
  const whole = await weights.texts("layer_names");
  if (whole) return whole;
  const parts: string[] = [];
  for (let number = 0; ; number++) {
    const part = await weights.texts(`layer_names${number}`);
    if (!part) return number === 0 ? undefined : parts;
    parts.push(...part);
  }
}

/** Collects the datasets of all groups; a dataset's layer is the group that contains it. */
async function collect(
  group: Group,
  name: string,
  into: (readonly [string, string, Dataset])[],
  path: string,
): Promise<void> {
  for (const [variable, dataset] of group.datasets) {
    into.push([name, synonyms.reduce((word, [pattern, other]) => word.replace(pattern, other), variable), dataset]);
  }
  for (const [inner, member] of group.groups) {
    if (name === "" && BESIDE.has(inner)) continue;
    if (inner === "vars" && member.groups.size === 0) await collectNumbered(member, name, into, path);
    else await collect(member, inner, into, path);
  }
}

/** A layer of `.weights.h5`: `name` is its class (`conv2d_3`), an attribute its name, and its variables are 0, 1, … */
async function collectNumbered(
  vars: Group,
  name: string,
  into: (readonly [string, string, Dataset])[],
  path: string,
): Promise<void> {
  const { size } = vars.datasets;
  if (size === 0) return;
  const [layer] = (await vars.texts("name")) ?? [];
  if (layer === undefined)
    throw dataError(
      `${path} has no layer names, as in early versions of Keras 3: save it with a newer version, or as .h5.`,
    );
  const names = variables.find((row) => row.layer.test(name) && row.names.length === size)?.names;
  for (const [index, dataset] of vars.datasets) into.push([layer, names?.[Number(index)] ?? index, dataset]);
}

function renumber(layers: readonly string[]): ReadonlyMap<string, string> {
  const smallest = new Map<string, number>();
  const numbered = layers.flatMap((layer) => {
    const [, kind, number = "0"] = NUMBERED.exec(layer) ?? [];
    return kind === undefined ? [] : [{ layer, kind, number: Number(number) }];
  });
  for (const { kind, number } of numbered) smallest.set(kind, Math.min(number, smallest.get(kind) ?? number));
  return new Map(
    numbered.map(({ layer, kind, number }) => {
      const index = number - smallest.get(kind)!;
      return [layer, index === 0 ? kind : `${kind}_${index}`];
    }),
  );
}

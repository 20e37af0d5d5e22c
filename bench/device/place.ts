/**
 * Opens a graph on a provider while ONNX Runtime says all that it does, on stderr, for `placement.ts` to read; runs nothing:
 *
 *     node --import tsx bench/device/place.ts PROVIDER ARCH FILE.safetensors float16|float32 forward|STAGE WAY
 *
 * WAY: `trainer` (the model that the trainer opens), `step` (one step of it), `fitted` (one step, rewritten for cards).
 */

import { backboneModel, measureCut } from "../../src/networks/backbone/backbone.ts";
import { openNetwork } from "../../src/networks/open.ts";
import { encodeModelWhole } from "../../src/onnx/codec/write-model.ts";
import type { Model } from "../../src/onnx/model.ts";
import { inferKnownShapes } from "../../src/onnx/session/shapes.ts";
import { madeUpTraining } from "../support/made-up-training.ts";
import { forCards } from "./for-cards.ts";
import { useProvider } from "./provider.ts";

const [provider = "cpu", architecture = "", weights = "", precision = "", what = "", way = ""] = process.argv.slice(2);
const { ort, providers } = await useProvider(provider);
const network = await openNetwork(architecture, { weights });
const model = what === "forward" ? backboneModel(network, await measureCut(network)) : await stepModel();
const session = await ort.InferenceSession.create(encodeModelWhole(model), {
  ...(providers ? { executionProviders: [...providers] } : {}),
  enableMemPattern: false,
  logSeverityLevel: 0,
  logVerbosityLevel: 1,
});
await session.release();
console.log(JSON.stringify({ nodes: model.graph.nodes.length }));

async function stepModel(): Promise<Model> {
  const models: Model[] = [];
  const training = await madeUpTraining({
    network,
    stage: what,
    batch: 2,
    stored: precision === "float16" ? "float16" : "float32",
    open: async (of) => {
      models.push(of);
      return { inputs: [], outputs: [], declared: () => undefined, run: async () => ({}), close: async () => {} };
    },
  });
  await training.close();
  const [own] = models as [Model];
  if (way === "trainer") return own;
  const { graph } = training.engine.step;
  if (way === "step") return { ...own, graph };
  const { shapes } = await inferKnownShapes({ ...own, graph });
  return { ...own, graph: forCards(graph, shapes) };
}

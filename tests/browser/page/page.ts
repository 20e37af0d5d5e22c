/** The tests' page: lets a test in Node call Graft in a page. */
import { openArtifact, openNetwork, type Picture, pixelsOf, train, type WebArtifact } from "../../../src/web/index.ts";
import type { Given, Outcome, PageApi, Predicted } from "../contract.ts";
import { takeSteps } from "../steps.ts";

let model: WebArtifact | undefined;

const blobOf = async (address: string): Promise<Blob> => (await fetch(address)).blob();

async function elementOf(address: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = address;
  return image;
}

/** Draws an image as an application would. */
async function drawn<Canvas extends HTMLCanvasElement | OffscreenCanvas>(
  address: string,
  canvasOf: (width: number, height: number) => Canvas,
): Promise<Canvas> {
  const bitmap = await createImageBitmap(await blobOf(address));
  const canvas = canvasOf(bitmap.width, bitmap.height);
  (canvas.getContext("2d") as CanvasRenderingContext2D).drawImage(bitmap, 0, 0);
  return canvas;
}

const offscreen = (width: number, height: number): OffscreenCanvas => new OffscreenCanvas(width, height);
const onPage = (width: number, height: number): HTMLCanvasElement =>
  Object.assign(document.createElement("canvas"), { width, height });

const ways: Readonly<Record<Given, (address: string) => Promise<Picture>>> = {
  blob: blobOf,
  img: elementOf,
  bitmap: async (address) => createImageBitmap(await blobOf(address)),
  canvas: (address) => drawn(address, onPage),
  offscreen: (address) => drawn(address, offscreen),
  "video-frame": async (address) => new VideoFrame(await createImageBitmap(await blobOf(address)), { timestamp: 0 }),
  "image-data": async (address) => {
    const canvas = await drawn(address, offscreen);
    return canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
  },
};

async function predictOne(address: string, given: Given): Promise<Predicted> {
  const { label, probability, top, probabilities } = await model!.predict(await ways[given](address), { topK: 3 });
  return { label, probability, top, probabilities: [...probabilities] };
}

const api: PageApi = {
  async open(address, options = {}) {
    model = await openArtifact(address, options);
    return { classes: model.classes, engine: model.engine };
  },
  async predict(addresses, given = "blob") {
    const answers = [];
    for (const address of addresses) answers.push(await predictOne(address, given));
    return answers;
  },
  predictAtOnce: (addresses) => Promise.all(addresses.map((address) => predictOne(address, "blob"))),
  async predictInWorker(address, addresses) {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    const bitmaps = await Promise.all(addresses.map(async (one) => createImageBitmap(await blobOf(one))));
    worker.postMessage({ model: new URL(address, location.href).href, bitmaps }, bitmaps);
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data as Predicted[]);
      worker.onerror = ({ message }) => reject(new Error(message));
    });
  },
  async steps(address, addresses, job, engine = {}) {
    const network = await openNetwork(address, { preprocessing: "inception", ...engine });
    const pictures = addresses.map((one) => async () => pixelsOf(await blobOf(one)));
    const { losses, weights } = await takeSteps(network, pictures, job);
    const bytes = [...weights].map(([name, { buffer, byteOffset, byteLength }]) => [
      name,
      base64(new Uint8Array(buffer, byteOffset, byteLength)),
    ]);
    return { losses, weights: Object.fromEntries(bytes) };
  },
  async train({ network: address, examples, ...said }, engine = {}) {
    const network = await openNetwork(address, { preprocessing: "inception", ...engine });
    const [stages, notes] = [new Set<string>(), [] as string[]];
    let breaths = 0;
    const breathing = setInterval(() => breaths++, 0);
    const result = await train({
      ...said,
      network,
      examples: examples.map(({ address: picture, label }) => ({ label, picture: () => blobOf(picture) })),
      onProgress: ({ stage }) => stages.add(stage),
      onNote: (text) => notes.push(text),
    });
    clearInterval(breathing);
    model = await openArtifact(result.model);
    const { validation, finetune } = result;
    return {
      engine: result.engine,
      accuracy: validation.accuracy,
      history: finetune?.history ?? [],
      bestEpoch: finetune?.bestEpoch ?? 0,
      model: base64(result.model),
      stages: [...stages],
      notes,
      breaths,
    };
  },
  async pixels(address, given = "blob") {
    const { width, height, data } = await pixelsOf(await ways[given](address));
    return { width, height, data: base64(data) };
  },
};

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

async function ask(asked: string): Promise<string> {
  const [name, ...args] = JSON.parse(asked) as [keyof PageApi, ...unknown[]];
  let outcome: Outcome<unknown>;
  try {
    outcome = { kind: "answer", value: await (api[name] as (...args: unknown[]) => Promise<unknown>)(...args) };
  } catch (error) {
    const { name: kind, message } = error as Error;
    outcome = { kind: "refusal", error: { name: kind, message } };
  }
  return JSON.stringify(outcome);
}

Object.assign(globalThis, { ask });

/** For tests only: runs preprocessing graphs, and draws the image that the reference scripts draw too. */
import { afterAll } from "vitest";
import { drawn } from "../../data/image/augment/testing.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { modelOf } from "../../onnx/model.ts";
import { openSession, type Session } from "../../onnx/session/session.ts";
import { type Preprocessing, preprocessingGraph } from "./preprocessing.ts";

const sessions = new Map<string, Promise<Session>>();
afterAll(async () => {
  for (const session of sessions.values()) await (await session).close();
});

function sessionFor(preprocessing: Preprocessing): Promise<Session> {
  const key = JSON.stringify(preprocessing);
  const open = (): Promise<Session> => {
    const { nodes, initializers } = preprocessingGraph(preprocessing, "image", "pixels", "p/");
    const inputs = [{ name: "image", type: "uint8", dims: ["N", "H", "W", 3] }] as const;
    const outputs = [{ name: "pixels", type: "float32" }] as const;
    const model = modelOf({ name: "p", nodes, inputs, outputs, initializers });
    return openSession(encodeModelWhole(model), { threads: 1 });
  };
  const session = sessions.get(key) ?? open();
  sessions.set(key, session);
  return session;
}

/** Runs images, uint8 `[N, H, W, 3]`, through the graph of a preprocessing. Its session stays open until the file's last test. */
export async function prepare(preprocessing: Preprocessing, dims: readonly number[], data: Uint8Array) {
  const session = await sessionFor(preprocessing);
  const { pixels } = await session.run({ image: { dims, data } });
  return { dims: [...pixels!.dims], data: pixels!.data as Float32Array };
}

/** The same rule as in bench/reference/pillow_resize.py: `[height, width, 3]`. */
export const drawnImage = (height: number, width: number): Uint8Array => drawn(width, height).data;

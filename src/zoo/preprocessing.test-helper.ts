/** For tests only: runs preprocessing graphs, and draws the picture that the reference scripts draw as well. */
import { afterAll } from "vitest";
import { modelOf } from "../graph/model.ts";
import { encodeModelWhole } from "../graph/onnx/write.ts";
import { openSession, type Session } from "../runtime/session.ts";
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

/** Runs `images` uint8 `[N, H, W, 3]` through the graph of a preprocessing; its session is kept until the file's last test. */
export async function prepare(preprocessing: Preprocessing, dims: readonly number[], data: Uint8Array) {
  const session = await sessionFor(preprocessing);
  const { pixels } = await session.run({ image: { dims, data } });
  return { dims: [...pixels!.dims], data: pixels!.data as Float32Array };
}

/** The same rule as in bench/reference/pillow_resize.py. */
export function picture(height: number, width: number): Uint8Array {
  const data = new Uint8Array(height * width * 3);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const checks = ((Math.floor(x / 9) + Math.floor(y / 7)) % 2) * 97;
      for (let c = 0; c < 3; c++) {
        const noise = ((x * y) % 31) * 3 + ((x * x + y * 5 + c * 11) % 17) * 5;
        data[at++] = (x * 7 + y * 13 + c * 29 + checks + noise) % 256;
      }
    }
  }
  return data;
}

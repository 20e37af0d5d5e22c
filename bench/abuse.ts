/**
 * Bench `abuse`: the long run of what tests/serve-abuse.test.ts does once. `graft serve` gets random hostile requests, made of the
 * kinds below, until the time is over. It must stay alive, answer `/health`, answer a good request at the end, stay within its memory,
 * and end after a signal.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "../src/base/random.ts";
import { tinyArtifact } from "../tests/support/artifact.ts";
import { pngOfSize } from "../tests/support/bomb.ts";
import * as costly from "../tests/support/costly.ts";
import { raw, startServe } from "../tests/support/serve.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { printTable } from "./support/table.ts";

interface Attack {
  readonly name: string;
  readonly type: string;
  readonly body: Buffer;
}

/** Files and texts that cost far more than their size suggests. */
async function attacks(): Promise<Attack[]> {
  const large = await costly.flat(5000, 5000, "avif");
  const image = (name: string, body: Buffer): Attack => ({ name, type: "image/png", body });
  const json = (name: string, pattern: string): Attack => ({
    name: `JSON: ${name}`,
    type: "application/json",
    body: Buffer.alloc(20e6, pattern),
  });
  const form = (name: string, pattern: string): Attack => ({
    name: `form: ${name}`,
    type: "multipart/form-data; boundary=x",
    body: Buffer.alloc(20e6, pattern),
  });
  return [
    image("AVIF of 25 megapixels", large),
    image("AVIF of 100 frames", costly.avifOfFrames(large, 100)),
    image(
      "AVIF of 16 tiles",
      costly.avifOfGrid({ tile: large, tileSide: 5000, rows: 4, columns: 4, side: 10, tiles: 1 }),
    ),
    image("JPEG of 1,000 scans", costly.jpegOfScans(4000, 1000)),
    image("JPEG of 1,000,000 segments", await costly.jpegOfSegments(1e6)),
    image("GIF of 1,000,000 frames", costly.gifOfFrames(1e6)),
    image("WebP of 100,000 frames", await costly.webpOfFrames(1e5)),
    image("TIFF of 50,000 pages", costly.tiffOf(50_000, 0, 0)),
    image("TIFF of shared data", costly.tiffOf(1, 500, 10e6)),
    image("PNG of 256 megapixels", pngOfSize(16_000, 16_000)),
    json("empty lists", "[],"),
    json("lists in lists", "["),
    json("texts", '"",'),
    json("escapes", '\\"'),
    form("empty parts", "--x\r\n"),
    form("carriage returns", "\r"),
  ];
}

/** Measures and prints; fails where the server does. */
export async function benchAbuse(given: readonly string[]): Promise<void> {
  const { seconds, clients, seed } = readFlags(given, { seconds: 60, clients: 8, seed: 1 });
  console.log(`abuse: ${clients} clients for ${seconds} s`);
  console.log(machine());
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  try {
    const model = join(folder, "tiny.onnx");
    await writeFile(model, await tinyArtifact(join(folder, "scratch.onnx")));
    const all = await attacks();
    const server = await startServe([model, "--timeout", "10s"]);
    const before = await server.memory();
    const random = createRandom(seed);
    const statuses = new Map<string, Map<number, number>>();
    const note = (name: string, status: number): void => {
      const of = statuses.get(name) ?? new Map<number, number>();
      statuses.set(name, of.set(status, (of.get(status) ?? 0) + 1));
    };
    const end = performance.now() + seconds * 1000;
    let [slowest, most] = [0, 0];
    const client = async (): Promise<void> => {
      while (performance.now() < end) {
        const { name, type, body } = all[Math.floor(random.next() * all.length)]!;
        // Now and then a request that stops half-way.
        const length = random.next() < 0.1 ? Math.floor(body.length / 2) : body.length;
        const { status } = await raw(server.port, (socket) => {
          socket.write(
            `POST /predict HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`,
          );
          socket.write(body.subarray(0, length), () => length < body.length && socket.destroy());
        });
        note(name, status);
      }
    };
    const watch = async (): Promise<void> => {
      while (performance.now() < end) {
        const began = performance.now();
        if ((await fetch(`${server.url}/health`)).status !== 200) throw new Error("/health was not answered with 200.");
        slowest = Math.max(slowest, performance.now() - began);
        most = Math.max(most, await server.memory());
        await new Promise((done) => setTimeout(done, 50));
      }
    };
    await Promise.all([watch(), ...Array.from({ length: clients }, client)]);
    const good = await fetch(`${server.url}/predict`, {
      method: "POST",
      headers: { "content-type": "image/png" },
      body: new Uint8Array(await costly.flat(64, 64, "png")),
    });
    if (good.status !== 200) throw new Error(`A good request got ${good.status} afterwards.`);
    const began = performance.now();
    server.signal();
    const code = await server.ended;
    printTable("Statuses (0: the connection was closed)", [
      ["", "statuses"],
      ...[...statuses].map(([name, counts]) => [name, [...counts].map(([of, count]) => `${of} × ${count}`).join(", ")]),
    ]);
    console.log(
      `\n/health took at most ${Math.round(slowest)} ms; memory grew by ${Math.round((most - before) / 1e6)} MB`,
    );
    console.log(`It ended with ${code} in ${Math.round(performance.now() - began)} ms.`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

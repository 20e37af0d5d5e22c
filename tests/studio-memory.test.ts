/** The studio's own process under requests that would each take much memory: all refused, and its memory stays flat. */
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { spawnStudio } from "../src/studio/testing.ts";
import { pngOfSize } from "./support/bomb.ts";
import { temporaryFolder } from "./support/cli.ts";
import { drawShape, encode } from "./support/pictures.ts";
import { zipOf } from "./support/zip.ts";

/** What a process of this size may grow by: a tenth of what the requests here would take unbounded. */
const ROOM_BYTES = 150e6;

let studio: Awaited<ReturnType<typeof spawnStudio>>;
let picture: Buffer;
let memoryBefore: number;

const post = (path: string, body: Uint8Array): Promise<Response> =>
  fetch(`${studio.url}api/${path}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${studio.token}` },
    body: new Uint8Array(body),
  });
const upload = (name: string, body: Uint8Array): Promise<Response> => post(`classes/bee/pictures?name=${name}`, body);

/** All at once, several times over: the statuses, each once. */
async function often(ask: () => Promise<Response>): Promise<number[]> {
  const statuses = new Set<number>();
  for (let round = 0; round < 3; round++) {
    for (const answer of await Promise.all(Array.from({ length: 8 }, ask))) {
      statuses.add(answer.status);
      await answer.arrayBuffer();
    }
  }
  return [...statuses];
}

async function expectFlat(): Promise<void> {
  expect((await upload("good.png", picture)).status).toBe(200);
  expect(studio.memory() - memoryBefore).toBeLessThan(ROOM_BYTES);
}

beforeAll(async () => {
  studio = await spawnStudio(join(temporaryFolder(), "project"));
  picture = await encode(drawShape("circle", 80, 80, 1), "png");
  const made = await fetch(`${studio.url}api/classes`, {
    method: "POST",
    headers: { Authorization: `Bearer ${studio.token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ name: "bee" }),
  });
  expect(made.status).toBeLessThan(300);
  for (const status of await often(() => upload("good.png", picture))) expect(status).toBeLessThan(300);
  memoryBefore = studio.memory();
});
afterAll(() => studio.end());

test("image bombs: refused by their headers", async () => {
  const bomb = pngOfSize(30_000, 30_000);
  expect(await often(() => upload("bomb.png", bomb))).toEqual([422]);
  await expectFlat();
});

test("60 MB that are not an image: refused when they have arrived", async () => {
  const noise = Buffer.alloc(60e6, 0x5a);
  for (let i = 0; i < 6; i++) expect((await upload("noise.jpg", noise)).status).toBe(422);
  await expectFlat();
});

test("archives that unpack to 64 MB of nothing", async () => {
  const bomb = zipOf([{ name: "bee/bomb.bmp", data: Buffer.alloc(64 * 2 ** 20) }]);
  expect(await often(() => post("archives", bomb))).toEqual([422]);
  await expectFlat();
});

test("two hundred uploads that never go on", async () => {
  const head = [
    "POST /api/classes/bee/pictures?name=a.png HTTP/1.1",
    `Host: ${new URL(studio.url).host}`,
    `Authorization: Bearer ${studio.token}`,
    "Content-Length: 60000000",
  ];
  const sockets: Socket[] = [];
  for (let i = 0; i < 200; i++) {
    const socket = connect(Number(new URL(studio.url).port), "127.0.0.1").on("error", () => {});
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    socket.write(Buffer.alloc(100_000));
    sockets.push(socket);
  }
  await new Promise((done) => setTimeout(done, 500));
  await expectFlat();
  for (const socket of sockets) socket.destroy();
  await expectFlat();
});

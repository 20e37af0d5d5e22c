/** Hostile requests from clients with access: each is refused with the right status, and the studio works as before. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { pngOfSize } from "../../tests/support/bomb.ts";
import { drawShape, encode } from "../../tests/support/pictures.ts";
import { zipOf } from "../../tests/support/zip.ts";
import type { ErrorBody, Imported, ProjectInfo } from "./api.ts";
import { MAX_IMAGE_BYTES } from "./project/receive.ts";
import { type AskOptions, posting, startStudio, type TestStudio } from "./testing.ts";

let studio: TestStudio;
let picture: Buffer;

beforeAll(async () => {
  studio = await startStudio();
  picture = await encode(drawShape("circle", 40, 40, 1), "png");
  await studio.json("/api/classes", posting({ name: "bee" }));
});
afterAll(() => studio.close());

/** After any request, the studio responds, and no file is where it should not be. */
afterEach(async () => {
  const { classes } = await studio.json<ProjectInfo>("/api/project");
  expect(classes.map(({ name }) => name)).toContain("bee");
  const own = join(studio.folder, ".graft");
  expect(existsSync(join(own, "incoming")) ? readdirSync(join(own, "incoming")) : []).toEqual([]);
  expect(readdirSync(studio.folder).filter((name) => !name.startsWith("."))).toEqual(classes.map(({ name }) => name));
});

const upload = (name: string, body: Uint8Array, className = "bee"): [string, AskOptions] => [
  `/api/classes/${encodeURIComponent(className)}/pictures?name=${encodeURIComponent(name)}`,
  { method: "POST", body },
];
const errorOf = (body: string): string => (JSON.parse(body) as ErrorBody).error;

describe("names that lead elsewhere", () => {
  const outside = (): string => join(studio.folder, "..", "graft-outside.png");

  it.each(["../../graft-outside.png", "/etc/graft-outside.png", "..\\..\\graft-outside.png", ".graft/token"])(
    "a file called %j is stored in its class",
    async (name) => {
      const { status, body } = await studio.ask(...upload(name, picture));
      expect([200, 201]).toContain(status);
      expect((JSON.parse(body) as { id: string }).id).toMatch(/^bee\/[^/\\]+$/);
      expect(existsSync(outside())).toBe(false);
    },
  );

  it.each(["..", ".", "../outside", ".graft", "a/b", "a\\b", ".hidden", "x\u0000y", ""])(
    "a class called %j: refused",
    async (name) => {
      const created = await studio.ask("/api/classes", posting({ name }));
      expect(created.status).toBe(400);
      // Dots in the URL are resolved before routing, which makes it another URL.
      const added = await studio.ask(...upload("a.png", picture, name));
      expect([400, 404, 405]).toContain(added.status);
      expect((await studio.ask("/api/classes/bee", posting({ name }, "PATCH"))).status).toBe(400);
    },
  );

  it.each(["../token", "bee/../../x.png", "bee/../.graft/token", ".graft/token", "/etc/passwd", "bee"])(
    "a picture %j: refused",
    async (id) => {
      const path = id.split("/").map(encodeURIComponent).join("/");
      expect([400, 404]).toContain((await studio.ask(`/api/thumbnails/tile/${path}`)).status);
      expect([400, 404]).toContain((await studio.ask(`/api/thumbnails/tile/${encodeURIComponent(id)}`)).status);
      expect((await studio.ask("/api/pictures/remove", posting({ ids: [id] }))).status).toBe(400);
      expect((await studio.ask("/api/pictures/relabel", posting({ ids: [id], to: "bee" }))).status).toBe(400);
      expect((await studio.ask("/api/added", posting({ ids: [id] }))).status).toBe(400);
    },
  );

  it.each(["..", "../..", "20250101-000000/..", "x", "20250101-000000"])("a run %j: refused", async (id) => {
    for (const rest of ["", "/results", "/files/model.onnx", "/page"])
      expect([400, 404]).toContain((await studio.ask(`/api/runs/${encodeURIComponent(id)}${rest}`)).status);
  });

  it.each(["/../package.json", "/assets/../../package.json", "/%2e%2e/package.json", "/..%2f..%2fpackage.json"])(
    "a file of the page's %j: 404",
    async (path) => {
      expect((await studio.ask(path)).status).toBe(404);
    },
  );

  it("a network that is not in the table: refused, whatever file there is", async () => {
    writeFileSync(join(studio.folder, "..", "graft-own.onnx"), "x");
    const settings = {
      network: join(studio.folder, "..", "graft-own.onnx"),
      unfreeze: "none",
      seed: 0,
      classWeights: "none",
    };
    expect((await studio.ask("/api/runs", posting(settings))).status).toBe(400);
    for (const change of [{ unfreeze: "--out" }, { seed: "1 --out x" }, { seed: 1.5 }, { augment: "toString" }])
      expect((await studio.ask("/api/runs", posting({ ...settings, network: "resnet50", ...change }))).status).toBe(
        400,
      );
  });
});

describe("images that are none", () => {
  it("30,000 × 30,000 pixels in 110 kB: refused by its header", async () => {
    const { status, body } = await studio.ask(...upload("bomb.png", pngOfSize(30_000, 30_000)));
    expect([status, errorOf(body)]).toEqual([422, expect.stringContaining("megapixels")]);
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["a script", Buffer.from("<script>alert(1)</script>")],
    ["an SVG", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ["a cut-off header", Buffer.from([0xff, 0xd8, 0xff, 0xe0])],
    ["a cut-off bitmap", Buffer.from("BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0", "latin1")],
  ])("%s: 422", async (_, bytes) => {
    expect((await studio.ask(...upload("x.png", bytes))).status).toBe(422);
  });

  it("longer than may be, announced: 413 before it comes; unannounced: 413 when it has", async () => {
    const [path, options] = upload("long.png", Buffer.alloc(0));
    const announced = await raw(`POST ${path} HTTP/1.1`, [`Content-Length: ${MAX_IMAGE_BYTES + 1}`], []);
    expect(announced).toMatch(/^HTTP\/1.1 413/);
    const chunks = Buffer.alloc(MAX_IMAGE_BYTES + 1024, 1);
    const sent = await studio
      .ask(path, { ...options, headers: { "Transfer-Encoding": "chunked" }, body: chunks })
      .catch((error: NodeJS.ErrnoException) => ({ status: error.code }));
    // A refusal may be sent before the body has arrived; its sender then finds the connection closed.
    expect([413, "ECONNRESET", "EPIPE"]).toContain(sent.status);
  });

  it("half an image and then silence, or a closed door: nothing of it stays", async () => {
    const [path] = upload("half.png", Buffer.alloc(0));
    await raw(`POST ${path} HTTP/1.1`, [`Content-Length: ${picture.length}`], [picture.subarray(0, 40)], { wait: 200 });
    await expect.poll(() => readdirSync(join(studio.folder, ".graft", "incoming"))).toEqual([]);
    expect(readdirSync(join(studio.folder, "bee"))).not.toContain("half.png");
  });

  it("half an image and then silence, the door left open: 408, and nothing of it stays", async () => {
    const impatient = await startStudio(undefined, [], 300);
    const [path] = upload("half.png", Buffer.alloc(0), "wasp");
    await impatient.json("/api/classes", posting({ name: "wasp" }));
    const answer = await raw(
      `POST ${path} HTTP/1.1`,
      [`Content-Length: ${picture.length}`],
      [picture.subarray(0, 40)],
      { wait: 5000 },
      impatient,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain("No data arrived for 0.3 seconds");
    expect(readdirSync(join(impatient.folder, ".graft", "incoming"))).toEqual([]);
    expect(readdirSync(join(impatient.folder, "wasp"))).toEqual([]);
    await impatient.close();
  });

  it("a hundred half-closed sockets leave it answering", async () => {
    const sockets = Array.from({ length: 100 }, () => {
      const socket = connect(studio.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.end("POST /api/classes HTTP/1.1\r\nHost: ");
      return socket;
    });
    expect((await studio.ask("/api/project")).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });
});

describe("files that are announced before they are sent", () => {
  const announce = (body: object) => studio.ask("/api/arrangement", posting(body));

  it("are arranged by the reader of layouts, and nothing is made", async () => {
    const { status, body } = await announce({
      paths: ["cats/indoor/1.jpg", "cats/2.jpg", "dogs/3.jpg", "dogs/.DS_Store", "loose.jpg"],
      lists: [],
      loose: "bee",
    });
    expect([status, JSON.parse(body)]).toEqual([
      200,
      {
        kind: "places",
        places: [
          { class: "cats", part: "train" },
          { class: "cats", part: "train" },
          { class: "dogs", part: "train" },
          null,
          { class: "bee", part: "train" },
        ],
        skipped: [{ path: "dogs/.DS_Store", reason: "hidden" }],
        notes: [],
      },
    ]);
  });

  it("in a single folder of folders are a question, whose answer decides", async () => {
    const paths = ["pets/cat/1.jpg", "pets/dog/2.jpg"];
    const asked = JSON.parse((await announce({ paths, lists: [] })).body) as unknown;
    expect(asked).toEqual({ kind: "question", folder: "pets", classes: ["cat", "dog"] });
    const classesBy = async (folderIs: string): Promise<(string | undefined)[]> => {
      const { places } = JSON.parse((await announce({ paths, lists: [], folderIs })).body) as {
        places: ({ class: string } | null)[];
      };
      return places.map((place) => place?.class);
    };
    expect(await classesBy("class")).toEqual(["pets", "pets"]);
    expect(await classesBy("classes")).toEqual(["cat", "dog"]);
  });

  it("in a test part go to a test folder; a class that is named like a part is refused", async () => {
    const sent = (part: string, className: string): Promise<{ status: number }> =>
      studio.ask(`/api/classes/${className}/pictures?name=t.png&part=${part}`, { method: "POST", body: picture });
    expect((await sent("sideways", "bee")).status).toBe(400);
    expect((await sent("train", "test")).status).toBe(400);
    expect(existsSync(join(studio.folder, "test"))).toBe(false);
  });

  it.each([
    ["no body", {}],
    ["paths that are no list", { paths: "a", lists: [] }],
    ["a path that is no text", { paths: [1], lists: [] }],
    ["a path without end", { paths: ["x".repeat(5000)], lists: [] }],
    ["another answer", { paths: [], lists: [], folderIs: "both" }],
    ["another field", { paths: [], lists: [], root: "/etc" }],
  ])("%s: 400", async (_, body) => {
    expect((await announce(body)).status).toBe(400);
  });

  it("parts without classes, and a list that cannot be read: 422 with the reason", async () => {
    const parts = await announce({ paths: ["train/1.jpg", "test/2.jpg"], lists: [] });
    expect([parts.status, errorOf(parts.body)]).toEqual([422, expect.stringContaining("nothing says which image")]);
    const list = { path: "x/a.csv", base64: Buffer.from("a,b,c\n1,2,3\n").toString("base64") };
    const { status } = await announce({ paths: ["x/a.csv", "y/1.jpg", "y/../../2.jpg"], lists: [list] });
    expect(status).toBe(200);
  });
});

describe("archives", () => {
  const send = (body: Uint8Array, query = "") => studio.ask(`/api/archives${query}`, { method: "POST", body });

  it.each([
    ["../../evil/x.png", "leads out"],
    ["bee/../../../evil.png", "leads out"],
    ["/etc/evil.png", "absolute"],
    ["C:/evil.png", "absolute"],
    ["..\\evil\\x.png", "leads out"],
  ])("with %j in it: refused as a whole, the good pictures too", async (name) => {
    const { status, body } = await send(
      zipOf([
        { name: "wasp/good.png", data: picture },
        { name, data: picture },
      ]),
    );
    expect([status, errorOf(body)]).toEqual([422, expect.stringContaining("refused")]);
    expect(existsSync(join(studio.folder, "wasp"))).toBe(false);
  });

  it("a bomb, 64 MB in 64 kB: refused before a byte is unpacked", async () => {
    const { status, body } = await send(zipOf([{ name: "bee/bomb.bmp", data: Buffer.alloc(64 * 2 ** 20) }]));
    expect([status, errorOf(body)]).toEqual([422, expect.stringContaining("times its size")]);
  });

  it("a bomb with a false size is stopped when it has unpacked the declared size", async () => {
    const data = Buffer.concat([picture, Buffer.alloc(32 * 2 ** 20)]);
    const { status, body } = await send(zipOf([{ name: "bee/liar.png", data, claimed: picture.length }]));
    expect(status).toBe(200);
    const { added, skipped } = JSON.parse(body) as Imported;
    expect([added, skipped.length]).toEqual([0, 1]);
    expect(readdirSync(join(studio.folder, "bee"))).not.toContain("liar.png");
  });

  it("an image bomb, an archive in the archive and a text are skipped, and said so; the rest is taken", async () => {
    const inner = zipOf([{ name: "x/y.png", data: picture }]);
    const { status, body } = await send(
      zipOf([
        { name: "bee/deep/down/one.png", data: picture },
        { name: "bee/bomb.png", data: pngOfSize(12_000, 12_000) },
        { name: "bee/inner.zip", data: inner },
        { name: "bee/readme.txt", data: Buffer.from("hello") },
        { name: "__MACOSX/bee/._one.png", data: picture },
        { name: "loose.png", data: picture },
      ]),
    );
    const imported = JSON.parse(body) as Imported;
    expect([status, imported.added]).toEqual([200, 1]);
    expect(imported.skipped.map(({ path }) => path).sort()).toEqual([
      "__MACOSX",
      "bee/bomb.png",
      "bee/inner.zip",
      "bee/readme.txt",
      "loose.png",
    ]);
  });

  it.each([
    ["no zip at all", Buffer.from("hello"), 422],
    ["nothing", Buffer.alloc(0), 422],
    ["a zip cut off", zipOf([{ name: "bee/a.png", data: Buffer.alloc(1000, 7) }]).subarray(0, 60), 422],
  ])("%s: refused", async (_, bytes, expected) => {
    expect((await send(bytes)).status).toBe(expected);
  });
});

describe("bodies that are no JSON", () => {
  it.each(["", "{", "[]", "null", '"x"', "{}", '{"ids":"x"}', '{"ids":[1]}'])("%j: 400", async (body) => {
    for (const path of ["/api/pictures/remove", "/api/added"]) {
      const { status } = await studio.ask(path, { ...posting({}), body });
      expect(status, path).toBe(400);
    }
  });
});

/** Sends raw bytes over a socket; returns the response until the other side is silent for `wait` milliseconds. */
async function raw(
  line: string,
  headers: readonly string[],
  parts: readonly Uint8Array[],
  { host, wait = 2000 }: { readonly host?: string | null; readonly wait?: number } = {},
  { port, token } = studio,
): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  const over = new Promise<void>((resolve) => {
    socket.on("data", (data) => {
      text += data.toString("latin1");
      if (text.includes("\r\n\r\n")) resolve();
    });
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
  });
  const named = host === null ? [] : [`Host: ${host ?? `127.0.0.1:${port}`}`];
  const head = [line, ...named, `Authorization: Bearer ${token}`, ...headers];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  for (const part of parts) socket.write(part);
  await Promise.race([over, sleep(wait)]);
  socket.destroy();
  return text;
}

/** `graft serve` from the outside: the same predictions as `graft predict`, several models, reloading, tokens, a graceful end. */
import { once } from "node:events";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CLASSES, tinyArtifact } from "./support/artifact.ts";
import { graft, graftPredict, temporaryFolder } from "./support/cli.ts";
import { drawShape, encode } from "./support/pictures.ts";
import { raw, type Serving, startServe } from "./support/serve.ts";

interface Entry {
  readonly name?: string;
  readonly label?: string;
  readonly probability?: number;
  readonly top?: readonly { readonly label: string; readonly probability: number }[];
  readonly features?: readonly number[];
  readonly error?: string;
}
interface Answer {
  readonly model: string;
  readonly predictions: readonly Entry[];
  readonly embeddings: readonly Entry[];
  readonly error: string;
}

const work = temporaryFolder();
const cache = join(work, "cache");
const first = join(work, "first.onnx");
const second = join(work, "second.onnx");
const slow = join(work, "slow.onnx");
const names = ["a.png", "b.jpeg", "c.webp"] as const;
const pictures = names.map((name) => join(work, name));

async function ask(url: string, init: RequestInit): Promise<{ status: number; answer: Answer; headers: Headers }> {
  const response = await fetch(url, { method: "POST", ...init });
  return { status: response.status, answer: (await response.json()) as Answer, headers: response.headers };
}

/** A form with files. */
function form(paths: readonly string[]): FormData {
  const data = new FormData();
  for (const path of paths) data.append("image", new Blob([readFileSync(path)]), path.split("/").at(-1)!);
  return data;
}

function expectSame(given: Entry, wanted: Entry): void {
  expect(given.label).toBe(wanted.label);
  expect(given.top!.map(({ label }) => label)).toEqual(wanted.top!.map(({ label }) => label));
  for (const [i, { probability }] of wanted.top!.entries())
    expect(given.top![i]!.probability).toBeCloseTo(probability, 5);
}

beforeAll(async () => {
  writeFileSync(first, await tinyArtifact(join(work, "scratch.onnx"), 1));
  writeFileSync(second, await tinyArtifact(join(work, "scratch.onnx"), 2));
  writeFileSync(slow, await tinyArtifact(join(work, "scratch.onnx"), 3, 60));
  for (const [i, path] of pictures.entries()) {
    const format = (["png", "jpeg", "webp"] as const)[i]!;
    writeFileSync(
      path,
      await encode(drawShape((["circle", "square", "triangle"] as const)[i]!, 60 + 9 * i, 44, i), format),
    );
  }
});

describe("a server of one model", () => {
  let server: Serving;
  let wanted: readonly Entry[];
  beforeAll(async () => {
    wanted = await graftPredict<Entry>([first, ...pictures], cache);
    server = await startServe([first]);
  });
  afterAll(async () => {
    server.signal();
    expect(await server.ended).toBe(0);
  });

  test("answers a form with several images as graft predict does", async () => {
    const { status, answer } = await ask(`${server.url}/predict`, { body: form(pictures) });
    expect(status).toBe(200);
    expect(answer.model).toBe("first");
    expect(answer.predictions.map(({ name }) => name)).toEqual(names);
    for (const [i, entry] of answer.predictions.entries()) expectSame(entry, wanted[i]!);
  });

  test("takes an image as the body, of any image type, and names as many classes as asked", async () => {
    for (const type of ["image/jpeg", "application/octet-stream", "IMAGE/PNG; q=1"]) {
      const body = readFileSync(pictures[1]!);
      const { answer } = await ask(`${server.url}/predict?top=1`, { body, headers: { "content-type": type } });
      expect(answer.predictions).toHaveLength(1);
      expect(answer.predictions[0]!.top).toEqual([{ label: wanted[1]!.label, probability: expect.any(Number) }]);
    }
  });

  test("takes base64 in JSON, one or several, data: URLs too", async () => {
    const base64 = pictures.map((path) => readFileSync(path).toString("base64"));
    const headers = { "content-type": "application/json" };
    const one = await ask(`${server.url}/predict`, { headers, body: JSON.stringify({ image: base64[0] }) });
    expectSame(one.answer.predictions[0]!, wanted[0]!);
    const images = [base64[0], `data:image/jpeg;base64,${base64[1]}`];
    const both = await ask(`${server.url}/predict`, { headers, body: JSON.stringify({ images }) });
    expect(both.answer.predictions.map(({ label }) => label)).toEqual([wanted[0]!.label, wanted[1]!.label]);
  });

  test("embeds, the same whatever the company", async () => {
    const { answer } = await ask(`${server.url}/embed`, { body: form(pictures) });
    const alone = await ask(`${server.url}/models/first/embed`, { body: form(pictures.slice(1, 2)) });
    expect(answer.embeddings[1]!.features).toHaveLength(16);
    for (const [i, value] of alone.answer.embeddings[0]!.features!.entries())
      expect(answer.embeddings[1]!.features![i]).toBeCloseTo(value, 4);
  });

  test("says of each image that cannot be read why, and answers the others", async () => {
    const data = form(pictures.slice(0, 1));
    data.append("b", new Blob(["no picture"]), "b.jpg");
    const { status, answer } = await ask(`${server.url}/predict`, { body: data });
    expect(status).toBe(200);
    expectSame(answer.predictions[0]!, wanted[0]!);
    expect(answer.predictions[1]).toEqual({
      name: "b.jpg",
      error: expect.stringContaining("not an image in a supported format"),
    });
  });

  test("tells how it is, what it can do, and what it has counted", async () => {
    const get = async (path: string): Promise<Response> => fetch(`${server.url}${path}`);
    expect(await (await get("/health")).json()).toEqual({ status: "ok" });
    expect(await (await get("/ready")).json()).toEqual({ status: "ready", models: ["first"] });
    expect(await (await get("/models")).json()).toMatchObject({ models: [{ name: "first", classes: CLASSES }] });
    const document = (await (await get("/openapi.json")).json()) as { paths: object };
    expect(Object.keys(document.paths)).toContain("/models/{name}/predict");
    const metrics = await (await get("/metrics")).text();
    expect(metrics).toMatch(/^graft_requests_total\{route="\/predict",status="200"\} [1-9]/m);
    expect(metrics).toMatch(/^graft_images_total\{model="first"\} [1-9]/m);
    const page = await (await get("/docs")).text();
    expect(page).toContain("<!doctype html>");
    // Self-contained: nothing that a browser would fetch.
    expect(page).not.toMatch(/<script|<link|<img|\ssrc=|url\(/);
  });

  test("has no CORS header unless asked for, and one log line a request", async () => {
    const { headers } = await ask(`${server.url}/predict`, { body: form(pictures) });
    expect(headers.get("access-control-allow-origin")).toBeNull();
    const line = await server.logged(({ event, images }) => event === "request" && images === 3);
    expect(line).toMatchObject({ level: "info", method: "POST", path: "/predict", status: 200, model: "first" });
  });
});

test("several models are asked by name", async () => {
  const server = await startServe([first, `other=${second}`]);
  const wanted = await graftPredict<Entry>([second, pictures[0]!], cache);
  const { answer } = await ask(`${server.url}/models/other/predict`, { body: form(pictures.slice(0, 1)) });
  expect(answer.model).toBe("other");
  expectSame(answer.predictions[0]!, wanted[0]!);
  const unnamed = await ask(`${server.url}/predict`, { body: form(pictures.slice(0, 1)) });
  expect(unnamed.status).toBe(400);
  expect(unnamed.answer.error).toContain("/models/first/, /models/other/");
  server.signal();
  expect(await server.ended).toBe(0);
});

test("a model that is replaced under load is loaded again, and no request is dropped", async () => {
  const path = join(work, "changing.onnx");
  writeFileSync(path, readFileSync(first));
  const server = await startServe([path]);
  const before = (await graftPredict<Entry>([first, pictures[0]!], cache))[0]!;
  const after = (await graftPredict<Entry>([second, pictures[0]!], cache))[0]!;
  let isOver = false;
  const seen: Entry[] = [];
  const client = async (): Promise<void> => {
    while (!isOver) {
      const { status, answer } = await ask(`${server.url}/predict`, { body: form(pictures.slice(0, 1)) });
      expect(status).toBe(200);
      seen.push(answer.predictions[0]!);
    }
  };
  const clients = Promise.all([client(), client(), client()]);
  const image = readFileSync(pictures[0]!);
  const slowBody = request(`${server.url}/predict`, { method: "POST", headers: { "content-type": "image/png" } });
  const slowResponse = once(slowBody, "response") as Promise<[IncomingMessage]>;
  slowBody.write(image.subarray(0, 100));
  writeFileSync(`${path}.new`, readFileSync(second));
  renameSync(`${path}.new`, path);
  await server.logged(({ event }) => event === "reloaded");
  // A request that began before: by now, nothing holds the version of that time.
  slowBody.end(image.subarray(100));
  expect((await slowResponse)[0].statusCode).toBe(200);
  await ask(`${server.url}/predict`, { body: form(pictures.slice(0, 1)) });
  isOver = true;
  await clients;
  // Every response is from one version or the other, and the last one is from the new version.
  const isOf = (entry: Entry, wanted: Entry): boolean => Math.abs(entry.probability! - wanted.probability!) < 1e-4;
  expect(before.probability).not.toBeCloseTo(after.probability!, 3);
  expect(seen.every((entry) => isOf(entry, before) || isOf(entry, after))).toBe(true);
  const last = await ask(`${server.url}/predict`, { body: form(pictures.slice(0, 1)) });
  expectSame(last.answer.predictions[0]!, after);

  // A damaged file is logged, and the previous model stays; SIGHUP reads the file again.
  writeFileSync(path, "not a model");
  await server.logged(({ event }) => event === "reload_failed");
  expect((await ask(`${server.url}/predict`, { body: form(pictures.slice(0, 1)) })).status).toBe(200);
  server.signal("SIGHUP");
  await server.logged((line) => server.log.filter(({ event }) => event === "reload_failed").indexOf(line) === 1);
  server.signal();
  expect(await server.ended).toBe(0);
});

test("what was accepted is answered after SIGTERM, then the process ends with 0", async () => {
  const server = await startServe([slow, "--max-batch", "1"]);
  const asked = Promise.all(
    Array.from({ length: 12 }, () => ask(`${server.url}/predict`, { body: form([...pictures, ...pictures]) })),
  );
  while (!/queue_images [3-9]\d/.test(await (await fetch(`${server.url}/metrics`)).text()));
  server.signal();
  for (const { status, answer } of await asked) {
    expect(status).toBe(200);
    expect(answer.predictions).toHaveLength(6);
  }
  expect(await server.ended).toBe(0);
  expect(server.log.at(-1)).toMatchObject({ event: "closed" });
});

test("more than the queue holds gets 503 with Retry-After, and the rest is answered", async () => {
  const server = await startServe([slow, "--max-queue", "6"]);
  const asked = await Promise.all(
    Array.from({ length: 10 }, () => ask(`${server.url}/predict`, { body: form([...pictures, ...pictures]) })),
  );
  const statuses = new Set(asked.map(({ status }) => status));
  expect(statuses).toEqual(new Set([200, 503]));
  for (const { status, headers } of asked)
    if (status === 503) expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  expect((await ask(`${server.url}/predict`, { body: form(pictures) })).status).toBe(200);
  server.signal("SIGINT");
  expect(await server.ended).toBe(0);
});

describe("who may ask", () => {
  const token = "0123456789abcdef0123456789abcdef";

  test("another address needs a token, and says so in one sentence", async () => {
    const { code, stderr } = await graft(["serve", first, "--host", "0.0.0.0", "--port", "0"], cache);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^graft: On 0\.0\.0\.0, .*--token-file.*\.\n$/);
    const weak = join(work, "weak");
    writeFileSync(weak, "short\n");
    const refused = await graft(["serve", first, "--token-file", weak], cache);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/^graft: The token in .* 16 characters/) });
  });

  test("with a token: 401 without it, health and readiness open; no Host check on an open address", async () => {
    const file = join(work, "token");
    writeFileSync(file, `${token}\n`);
    const server = await startServe([first, "--host", "0.0.0.0", "--token-file", file]);
    const url = `http://127.0.0.1:${server.port}`;
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    for (const authorization of [undefined, "Bearer wrong", token, `Basic ${token}`]) {
      const response = await fetch(`${url}/models`, authorization ? { headers: { authorization } } : {});
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
    }
    const authorization = `Bearer ${token}`;
    expect((await fetch(`${url}/models`, { headers: { authorization } })).status).toBe(200);
    const other = await raw(server.port, (socket) =>
      socket.end(
        `GET /models HTTP/1.1\r\nhost: box.lan\r\nauthorization: ${authorization}\r\nconnection: close\r\n\r\n`,
      ),
    );
    expect(other.status).toBe(200);
    expect(JSON.stringify(server.log)).not.toContain(token);
    server.signal();
    expect(await server.ended).toBe(0);
  });

  test("--cors lets one origin in, preflight and all, with the token from the environment", async () => {
    const server = await startServe([first, "--cors", "https://a.example"], { GRAFT_TOKEN: token });
    const preflight = await fetch(`${server.url}/predict`, {
      method: "OPTIONS",
      headers: {
        origin: "https://a.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("https://a.example");
    expect(preflight.headers.get("access-control-allow-headers")).toContain("authorization");
    const headers = { origin: "https://a.example", authorization: `Bearer ${token}` };
    const { status, headers: given } = await ask(`${server.url}/predict`, { headers, body: form(pictures) });
    expect([status, given.get("access-control-allow-origin")]).toEqual([200, "https://a.example"]);
    const other = await fetch(`${server.url}/models`, { headers: { ...headers, origin: "https://b.example" } });
    expect(other.status).toBe(403);
    server.signal();
    expect(await server.ended).toBe(0);
  });
});

test("a command line that cannot be served ends with one sentence and the right code", async () => {
  const foreign = join(work, "scratch.onnx");
  const tries: [string[], number, RegExp][] = [
    [[join(work, "none.onnx")], 2, /There is no model/],
    [[foreign], 3, /not one that Graft trained/],
    [[first, first], 2, /have the same name "first"/],
    [[`a/b c=${first}`], 2, /There is no model|is not a valid model name/],
    [[`a b=${first}`], 2, /is not a valid model name/],
    [[first, "--port", "70000"], 2, /65535/],
    [[first, "--max-wait", "soon"], 2, /ms, s, m/],
    [[first, "--cors", "*"], 2, /--cors takes an origin/],
  ];
  const results = await Promise.all(tries.map(([args]) => graft(["serve", ...args], cache)));
  for (const [i, { code, stderr, stdout }] of results.entries()) {
    expect([code, stdout], tries[i]![0].join(" ")).toEqual([tries[i]![1], ""]);
    expect(stderr).toMatch(tries[i]![2]);
    expect(stderr).not.toMatch(/^\s+at /m);
  }
  const server = await startServe([first]);
  const taken = await graft(["serve", first, "--port", String(server.port)], cache);
  expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining("another program listens there") });
  server.signal();
  await server.ended;
});

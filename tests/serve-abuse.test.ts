/** Hostile requests: each is refused with the right status, the server stays alive, and its memory stays flat. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { tinyArtifact } from "./support/artifact.ts";
import { pngOfSize } from "./support/bomb.ts";
import { temporaryFolder } from "./support/cli.ts";
import { drawShape, encode } from "./support/pictures.ts";
import { type RawAnswer, raw, type Serving, startServe } from "./support/serve.ts";

const work = temporaryFolder();
const model = join(work, "tiny.onnx");
const picture = join(work, "picture.jpeg");
/** The limit on the server's growth in memory: far below what these requests would take without limits. */
const ROOM_BYTES = 150e6;

let server: Serving;
let memoryBefore: number;

const post = (path: string, type: string, body: Uint8Array | string): Promise<Response> =>
  fetch(`${server.url}${path}`, { method: "POST", headers: { "content-type": type }, body });
const statusOf = async (path: string, type: string, body: Uint8Array | string): Promise<number> => {
  const response = await post(path, type, body);
  const { error } = (await response.json()) as { error: string };
  // One sentence, without internals of the server.
  expect(error).toMatch(/^[A-Z].*\.$/);
  expect(error).not.toContain(work);
  return response.status;
};

/** The head of a request for a prediction, on a raw connection. */
const head = (...more: string[]): string =>
  `POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/jpeg\r\n${more.map((line) => `${line}\r\n`).join("")}\r\n`;

/** Sends zeros while the server accepts them, up to a maximum. */
function pour(socket: Socket, bytes: number, frame: (chunk: Buffer) => Buffer = (chunk) => chunk): void {
  const chunk = frame(Buffer.alloc(1 << 20));
  let sent = 0;
  const more = (): void => {
    while (sent < bytes && !socket.destroyed) {
      sent += 1 << 20;
      if (!socket.write(chunk)) return void socket.once("drain", more);
    }
  };
  more();
}

/** A chunk as `Transfer-Encoding: chunked` frames it. */
const framed = (chunk: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]);

beforeAll(async () => {
  writeFileSync(model, await tinyArtifact(join(work, "scratch.onnx")));
  writeFileSync(picture, await encode(drawShape("circle", 64, 48, 1), "jpeg"));
  server = await startServe([model, "--timeout", "2s", "--max-body", "8MB", "--max-pixels", "10M"]);
  for (let i = 0; i < 20; i++) await post("/predict", "image/jpeg", readFileSync(picture));
  memoryBefore = await server.memory();
});

afterEach(async () => {
  const response = await post("/predict", "image/jpeg", readFileSync(picture));
  expect(response.status).toBe(200);
  expect((await server.memory()) - memoryBefore).toBeLessThan(ROOM_BYTES);
});

afterAll(async () => {
  server.signal();
  expect(await server.ended).toBe(0);
  expect(server.log.filter(({ level }) => level === "error")).toEqual([]);
});

describe("large bodies", () => {
  test("100 MB that say so: 413 before they are sent", async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        raw(server.port, (socket) => {
          socket.write(head("content-length: 100000000"));
          pour(socket, 1 << 20);
        }),
      ),
    );
    for (const { status, text } of answers) {
      expect(status).toBe(413);
      expect(text).toContain("longer than 8 MB");
    }
  });

  test("100 MB that do not say so, and go on whatever is answered: 413, or cut off", async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        raw(server.port, (socket) => {
          socket.write(head("transfer-encoding: chunked"));
          pour(socket, 100e6, framed);
        }),
      ),
    );
    // A connection that is closed while the client still sends takes an answer with it that was not read yet.
    // Where the machine is slow, the time is over first.
    for (const { status } of answers) expect([413, 408, 0]).toContain(status);
  });

  test("a little more than allowed that does not say so: 413", async () => {
    const { status } = await raw(server.port, (socket) => {
      socket.write(head("transfer-encoding: chunked"));
      pour(socket, 9 << 20, framed);
    });
    expect(status).toBe(413);
  });

  test("a client that asks first learns it before it sends", async () => {
    const { status, text } = await raw(server.port, (socket) => {
      socket.write(head("content-length: 100000000", "expect: 100-continue"));
    });
    expect(status).toBe(413);
    expect(text).not.toContain("100 Continue");
  });

  test("a body that unpacks to more: 415", async () => {
    const response = await fetch(`${server.url}/predict`, {
      method: "POST",
      headers: { "content-type": "image/jpeg", "content-encoding": "gzip" },
      body: gzipSync(Buffer.alloc(50e6)),
    });
    expect(response.status).toBe(415);
  });
});

describe("many parts", () => {
  const boundary = "x";
  const parts = (count: number, headers: string): string =>
    `${`--${boundary}\r\n${headers}\r\n\r\nno\r\n`.repeat(count)}--${boundary}--\r\n`;
  const type = `multipart/form-data; boundary=${boundary}`;

  test("10,000 files: 413", async () => {
    const files = parts(10_000, 'content-disposition: form-data; name="a"; filename="a.jpg"');
    expect(await statusOf("/predict", type, files)).toBe(413);
  });

  test("10,000 fields: 400", async () => {
    expect(await statusOf("/predict", type, parts(10_000, 'content-disposition: form-data; name="a"'))).toBe(400);
  });

  test("10,000 images in JSON: 413", async () => {
    const images = Array.from({ length: 10_000 }, () => "AAAA");
    expect(await statusOf("/predict", "application/json", JSON.stringify({ images }))).toBe(413);
  });

  test("one part with a megabyte of headers, none at all, or no end: 400", async () => {
    const long = `content-disposition: form-data; name="a"; filename="${"a".repeat(1e6)}"`;
    expect(await statusOf("/predict", type, parts(1, long))).toBe(400);
    expect(await statusOf("/predict", type, `--${boundary}--\r\n`)).toBe(400);
    expect(await statusOf("/predict", type, parts(1, "").slice(0, 9))).toBe(400);
    expect(await statusOf("/predict", "multipart/form-data", "hello")).toBe(400);
  });
});

describe("bodies that cost more than they weigh", () => {
  /** The longest that `/health` took to answer while something else was going on. */
  async function slowestHealth(work: Promise<unknown>): Promise<number> {
    let [isOver, slowest] = [false, 0];
    const watch = (async () => {
      while (!isOver) {
        const began = performance.now();
        expect((await fetch(`${server.url}/health`)).status).toBe(200);
        slowest = Math.max(slowest, performance.now() - began);
      }
    })();
    await work.finally(() => {
      isOver = true;
    });
    await watch;
    return slowest;
  }

  const size = 7.5e6;
  const filled = (before: string, inside: string, after: string): Buffer =>
    Buffer.concat([Buffer.from(before), Buffer.alloc(size, inside), Buffer.from(after)]);

  test.each([
    ["empty lists", filled("[", "[],", "1]"), [413]],
    ["empty objects", filled("[", "{},", "1]"), [413]],
    ["lists in lists", filled("", "[", ""), [413]],
    ["objects in objects", filled("", '{"a":', ""), [413]],
    ["a long name", filled('{"', "a", '":1}'), [400]],
    ["names that are the same", filled("{", '"image":"AAAA",', '"image":"AAAA"}'), [413]],
    ["a long number", filled('{"image":', "1", "}"), [413]],
    ["spaces", filled('{"image":', " ", '"AAAA"}'), [413]],
    ["escaped quotes", filled('{"image":"', '\\"', '"}'), [400]],
    ["escaped letters", filled('{"image":"', "\\u0041", '"}'), [400]],
    ["base64 of no image", filled('{"image":"', "QUJD", '"}'), [422]],
    ["base64 of no image, slashes escaped", filled('{"image":"', "\\/", '"}'), [400, 422]],
    ["base64 with an invalid end", filled('{"image":"', "QUJD", 'QU!D"}'), [400]],
  ])("JSON of %s: refused, and others are answered meanwhile", async (_, body, statuses) => {
    const work = Promise.all(Array.from({ length: 4 }, () => statusOf("/predict", "application/json", body)));
    // On an idle machine a few milliseconds; unbounded structure took seconds, and gigabytes.
    expect(await slowestHealth(work)).toBeLessThan(2000);
    for (const status of await work) expect(statuses).toContain(status);
  });

  test("4.5 MB in chunks of one byte cost no more than 4.5 MB", async () => {
    const bytes = 4.5e6;
    const chunks = Buffer.alloc(1200 * 6, "1\r\nx\r\n");
    let most = 0;
    const watch = setInterval(async () => {
      most = Math.max(most, await server.memory());
    }, 50);
    const answer = await raw(server.port, (socket) => {
      socket.write(head("transfer-encoding: chunked", "connection: close"));
      let sent = 0;
      const more = (): void => {
        while (sent < bytes) {
          sent += 1200;
          if (!socket.write(chunks)) return void socket.once("drain", more);
        }
        socket.write("0\r\n\r\n");
      };
      more();
    });
    clearInterval(watch);
    // Its content is no image; where the machine is slow, its time is over first.
    expect([422, 408]).toContain(answer.status);
    // The fault cost 1.7 GB; what is left is garbage that is not collected yet.
    expect(most - memoryBefore).toBeLessThan(200e6);
  });

  test("forms whose parts have nothing in them: refused, and others are answered meanwhile", async () => {
    const type = "multipart/form-data; boundary=x";
    for (const part of [
      "--x\r\n",
      "--x\r\na: b\r\n\r\n\r\n",
      '--x\r\ncontent-disposition: form-data; name="a"; filename="b"\r\n\r\n\r\n',
    ]) {
      const work = statusOf("/predict", type, Buffer.alloc(size, part));
      expect(await slowestHealth(work)).toBeLessThan(2000);
      expect(await work).toBe(413);
    }
  });

  test("floods of headers and of settings in the address", async () => {
    const line = (address: string, ...headers: string[]): Promise<RawAnswer> =>
      raw(server.port, (socket) => {
        socket.write(`GET ${address} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${headers.join("")}\r\n`);
      });
    expect((await line("/health", ...Array(4000).fill("a: b\r\n"))).status).toBe(200);
    expect((await line("/health", ...Array(9000).fill("a: b\r\n"))).status).toBe(431);
    expect((await line(`/models?${"a&".repeat(7000)}`)).status).toBe(400);
    expect((await line(`/models?${"a&".repeat(20_000)}`)).status).toBe(431);
    expect((await line("/health", `origin: ${"http://a.".repeat(1000)}\r\n`)).status).toBe(403);
  });
});

describe("files that are not images, or too large", () => {
  test("image bombs: 413, many at once", async () => {
    const bomb = pngOfSize(16_000, 16_000);
    expect(bomb.length).toBeLessThan(100_000);
    const statuses = await Promise.all(Array.from({ length: 30 }, () => statusOf("/predict", "image/png", bomb)));
    expect(new Set(statuses)).toEqual(new Set([413]));
  });

  test("words, half an image, an SVG: 422; nothing at all: 400", async () => {
    const bytes = readFileSync(picture);
    expect(await statusOf("/predict", "image/jpeg", "no picture")).toBe(422);
    expect(await statusOf("/predict", "image/jpeg", bytes.subarray(0, bytes.length / 2))).toBe(422);
    expect(await statusOf("/embed", "image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>")).toBe(422);
    expect(await statusOf("/predict", "image/jpeg", "")).toBe(400);
  });

  test("another content type, or none: 415; JSON of another form: 400", async () => {
    for (const type of ["text/plain", "text/html", "application/x-www-form-urlencoded", "image/", ""])
      expect(await statusOf("/predict", type, readFileSync(picture)), type).toBe(415);
    const texts = ["", "{", "null", "[]", "{}", '{"image":1}', '{"image":"é"}', '{"image":"AAAA","images":[]}'];
    for (const text of [...texts, '{"images":[]}', '{"__proto__":{"image":"AAAA"}}'])
      expect(await statusOf("/predict", "application/json", text), text.slice(0, 40)).toBe(400);
  });
});

describe("clients that do not keep to the rules", () => {
  test("a slow body: 408, and not before its time is over a slow head", async () => {
    const slow = (first: string): Promise<RawAnswer> =>
      raw(server.port, (socket) => {
        socket.write(first);
        const drip = setInterval(() => socket.write("a"), 100);
        socket.on("close", () => clearInterval(drip));
      });
    const body = slow(head("content-length: 100000"));
    const start = slow("POST /predict HTTP/1.1\r\nhost: localhost\r\nx-slow: ");
    // Other clients are served meanwhile.
    expect((await post("/predict", "image/jpeg", readFileSync(picture))).status).toBe(200);
    expect((await body).status).toBe(408);
    expect((await start).status).toBe(408);
  });

  test("half-closed and broken connections leave nothing behind", async () => {
    const bytes = readFileSync(picture);
    // The whole request, then no more: the answer still comes, or the connection ends.
    const whole = await raw(server.port, (socket) => {
      socket.write(head(`content-length: ${bytes.length}`, "connection: close"));
      socket.end(bytes);
    });
    expect([0, 200]).toContain(whole.status);
    const half = await raw(server.port, (socket) => socket.end(head("content-length: 1000")));
    expect([0, 400]).toContain(half.status);
    await Promise.all(
      Array.from({ length: 50 }, () =>
        raw(server.port, (socket) => {
          socket.write(head(`content-length: ${bytes.length}`));
          socket.write(bytes, () => socket.destroy());
        }),
      ),
    );
    const queue = async (): Promise<string> =>
      /graft_queue_images (\d+)/.exec(await (await fetch(`${server.url}/metrics`)).text())![1]!;
    while ((await queue()) !== "0") await new Promise((done) => setTimeout(done, 20));
  });

  // The others of their kind: src/http/http-server.test.ts.
  test("what is no HTTP: 400; a head without end: 431; both say so as every refusal does", async () => {
    const none = await raw(server.port, (socket) => socket.write("\x16\x03\x01\x02hello\r\n\r\n"));
    const long = await raw(server.port, (socket) => socket.write(`GET / HTTP/1.1\r\nx: ${"a".repeat(1e5)}`));
    const both = await raw(server.port, (socket) =>
      socket.write(head("content-length: 3", "transfer-encoding: chunked")),
    );
    expect([none.status, long.status, both.status]).toEqual([400, 431, 400]);
    for (const { text } of [none, long, both])
      expect(JSON.parse(text.split("\r\n\r\n")[1]!)).toEqual({ error: expect.stringMatching(/\.$/) });
  });

  test("names that would act on a terminal are codes in the log", async () => {
    const { status } = await fetch(`${server.url}/models/%1b%5b2J%c2%9b2J%e2%80%aex%7f/predict`, { method: "POST" });
    expect(status).toBe(404);
    await server.logged(({ path }) => String(path).includes("\u202e"));
    expect(server.logText()).toContain("/models/\\u001b[2J\\u009b2J\\u202ex\\u007f/predict");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
    expect(server.logText()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});

test("every answer says that it is no page to be framed, run or guessed at", async () => {
  const answers = [
    ...["/", "/docs", "/health", "/metrics", "/openapi.json", "/nowhere", "/predict"].map((path) =>
      fetch(`${server.url}${path}`),
    ),
    post("/predict", "image/jpeg", readFileSync(picture)),
    post("/predict", "text/plain", "x"),
  ];
  for (const { url, status, headers } of await Promise.all(answers)) {
    const what = `${status} ${url}`;
    expect(headers.get("x-content-type-options"), what).toBe("nosniff");
    expect(headers.get("x-frame-options"), what).toBe("DENY");
    expect(headers.get("content-security-policy"), what).toMatch(/^default-src 'none';.*frame-ancestors 'none'/);
    expect(headers.get("cross-origin-resource-policy"), what).toBe("same-origin");
  }
});

describe("addresses and origins", () => {
  const request = (line: string, ...headers: string[]): Promise<RawAnswer> =>
    raw(server.port, (socket) => {
      socket.write(`${line} HTTP/1.1\r\n${[...headers, "connection: close"].join("\r\n")}\r\n\r\n`);
    });

  test("paths in a model's name lead nowhere: 404", async () => {
    const names = [
      "../tiny",
      "..%2f..%2fetc%2fpasswd",
      "%2e%2e/%2e%2e/etc/passwd",
      "__proto__",
      "tiny%00",
      "a".repeat(5000),
    ];
    for (const name of names) {
      const { status, text } = await request(`POST /models/${name}/predict`, "host: localhost", "content-length: 0");
      expect(status, name.slice(0, 40)).toBe(404);
      expect(text).not.toContain("root:");
    }
    expect((await request("POST /models/%zz/predict", "host: localhost", "content-length: 0")).status).toBe(404);
    expect((await request("GET /predict", "host: localhost")).status).toBe(405);
    expect((await request("GET /models?x=1", "host: localhost")).status).toBe(400);
    expect((await request("POST /predict?model=tiny", "host: localhost", "content-length: 0")).status).toBe(400);
  });

  test("a Host header that names another machine (DNS rebinding): 421", async () => {
    for (const host of [
      "evil.example",
      `evil.example:${server.port}`,
      "localhost.evil.example",
      "127.0.0.1.evil.example",
    ])
      expect((await request("GET /models", `host: ${host}`)).status, host).toBe(421);
    for (const host of ["localhost", `127.0.0.1:${server.port}`, "LOCALHOST:1", "[::1]:80"])
      expect((await request("GET /models", `host: ${host}`)).status, host).toBe(200);
    expect((await request("GET /models")).status).toBe(400);
  });

  test("a page of another origin: 403, of this one: 200", async () => {
    for (const origin of ["https://evil.example", "null", "http://localhost:1", "nonsense"])
      expect((await request("GET /models", "host: localhost:8000", `origin: ${origin}`)).status, origin).toBe(403);
    const own = await request("GET /models", "host: localhost:8000", "origin: http://localhost:8000");
    expect(own.status).toBe(200);
  });
});

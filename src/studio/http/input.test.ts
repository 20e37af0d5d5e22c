/** Every route with hostile values in its body, path and query: each is refused with one sentence, never with a system error. */
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeShapes } from "../../../tests/support/pictures.ts";
import type { ErrorBody } from "../../http/responses.ts";
import { type Answer, posting, startStudio, type TestStudio } from "../testing.ts";

let studio: TestStudio;
beforeAll(async () => {
  const root = mkdtempSync(join(tmpdir(), "graft-input-"));
  await writeShapes(root, { circle: 2, square: 2 });
  studio = await startStudio(root);
});
afterAll(() => studio.close());

/** A refusal: not the studio's fault, and one sentence of our own. */
function expectSentence({ status, body }: Answer, what: string): void {
  expect([400, 401, 403, 404, 405, 408, 409, 413, 415, 422], what).toContain(status);
  const { error } = JSON.parse(body) as ErrorBody;
  expect(error, what).toMatch(/^[^\n]{10,600}[.]$/);
  expect(error, what).not.toMatch(/\bE[A-Z]{4,}\b|\bundefined\b|\[object|TypeError|syscall|at \w+ \(/);
}

const long = "x".repeat(5000);
/** Values of every kind for a route that expects an object with certain fields. */
const values: readonly unknown[] = [
  null,
  0,
  "text",
  [],
  [[]],
  { more: 1 },
  { name: null },
  { name: 7 },
  { name: ["a"] },
];
const named = [{ name: long }, { name: "" }, { name: "a/b" }, { name: "a\0b" }, { name: "ok", more: 1 }];
const listed = [
  { ids: null },
  { ids: "a" },
  { ids: [1] },
  { ids: [null] },
  { ids: [[]] },
  { ids: [long] },
  { ids: ["../x/y"] },
];
const tokens = [{ token: 7 }, { token: "" }, { token: long }, { token: ["a"] }];

const bodies: readonly (readonly [method: string, path: string, bodies: readonly unknown[]])[] = [
  ["POST", "/api/session", [...values, ...tokens]],
  [
    "POST",
    "/api/links",
    [...values, { path: 7 }, { path: "/api/project" }, { path: long }, { path: "/api/runs/1/page" }],
  ],
  ["POST", "/api/classes", [...values, ...named]],
  ["PATCH", "/api/classes/circle", [...values, ...named]],
  ["POST", "/api/added", [...values, ...listed]],
  ["POST", "/api/pictures/remove", [...values, ...listed]],
  ["POST", "/api/pictures/relabel", [...values, ...listed, { ids: [], to: 7 }, { ids: [], to: "" }, { to: "circle" }]],
  [
    "POST",
    "/api/undo",
    [null, 0, "text", [], { change: 7 }, { change: null }, { change: long }, { change: "x" }, { more: 1 }],
  ],
  ["POST", "/api/runs", [...values, { network: "--out" }, { network: "resnet50", unfreeze: "all", seed: "0" }]],
  [
    "POST",
    "/api/arrangement",
    [
      ...values,
      { paths: 7, lists: [] },
      { paths: [7], lists: [] },
      { paths: ["a"], lists: [{ path: "a", base64: 7 }] },
    ],
  ],
];

describe("bodies", () => {
  it.each(bodies)("%s %s", async (method, path, given) => {
    for (const body of given) {
      const options = { ...posting({}, method), body: JSON.stringify(body) };
      expectSentence(await studio.ask(path, options), `${method} ${path} ${JSON.stringify(body)?.slice(0, 100)}`);
    }
    for (const text of ["", "{", "{'a':1}", '{"a":1}}', "\u0000", '"', "[".repeat(100_000)]) {
      const options = { ...posting({}, method), body: text };
      expectSentence(await studio.ask(path, options), `${method} ${path} ${text.slice(0, 20)}`);
    }
    const form = { method, headers: { "Content-Type": "application/x-www-form-urlencoded" }, body: "name=x" };
    expectSentence(await studio.ask(path, form), `${method} ${path} as a form`);
  });
});

const parts = [
  "..",
  ".",
  "%00",
  "%2e%2e",
  "%2F",
  "%5C",
  "..%2f..",
  "%E0%A4%A",
  "%",
  "a%0Ab",
  "%E2%80%AE",
  "C:",
  "con",
  "x".repeat(300),
  "x".repeat(5000),
  "é".repeat(200),
  "__proto__",
  "-rf",
  "*",
];

describe("addresses", () => {
  it.each([
    ["GET", "/api/classes/:/pictures"],
    ["POST", "/api/classes/:/pictures?name=a.png"],
    ["POST", "/api/classes/circle/pictures?name=:"],
    ["POST", "/api/classes/circle/pictures?name=a.png&part=:"],
    ["POST", "/api/archives?class=:"],
    ["PATCH", "/api/classes/:"],
    ["DELETE", "/api/classes/:"],
    ["GET", "/api/thumbnails/:/circle/000.png"],
    ["GET", "/api/thumbnails/tile/:"],
    ["GET", "/api/thumbnails/tile/circle/:"],
    ["GET", "/api/runs/:"],
    ["DELETE", "/api/runs/:"],
    ["POST", "/api/runs/:/stop"],
    ["POST", "/api/runs/:/resume"],
    ["POST", "/api/runs/:/predict"],
    ["GET", "/api/runs/:/results"],
    ["GET", "/api/runs/:/files/model.onnx"],
    ["GET", "/api/runs/20260101-000000/files/:"],
    ["GET", "/api/runs/:/page"],
  ])("%s %s", async (method, template) => {
    for (const part of parts) {
      const path = template.replace(":", part);
      const options =
        method === "PATCH" ? posting({ name: "new" }, method) : { method, body: method === "POST" ? "x" : undefined };
      expectSentence(await studio.ask(path, options), `${method} ${path.slice(0, 120)}`);
    }
    expect(
      readdirSync(studio.folder)
        .filter((name) => !name.startsWith("."))
        .sort(),
    ).toEqual(["circle", "square"]);
  });
});

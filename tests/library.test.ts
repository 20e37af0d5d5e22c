/** The library as a program uses it: what importing it loads, and a training that is saved as `graft train` saves one. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { train } from "../src/index.ts";
import { inRunFolder, readRunPredictions } from "../src/run/read.ts";
import { runFileNames } from "../src/run/run-files.ts";
import { graft, temporaryFolder } from "./support/cli.ts";
import { tinyNetwork } from "./support/network.ts";
import { writeShapes } from "./support/pictures.ts";

const dist = fileURLToPath(new URL("../dist", import.meta.url));

/** Writes the address of every module to the standard output as it is loaded. */
const hooks = `import { writeSync } from "node:fs";
export async function load(url, context, next) {
  writeSync(1, url + "\\n");
  return next(url, context);
}`;
const asUrl = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;

/** The modules that a process of its own loads when it imports an entry of the package. */
async function loadedBy(entry: string): Promise<string[]> {
  const register = asUrl(`import { register } from "node:module"; register(${JSON.stringify(asUrl(hooks))});`);
  const program = `await import(${JSON.stringify(pathToFileURL(join(dist, entry)).href)})`;
  const args = ["--import", register, "--input-type=module", "--eval", program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 24 });
  return stdout.trim().split("\n");
}

/** Packages that draw: the charts, and the document that they are drawn in. */
const drawing = /node_modules\/(@observablehq\/|d3|linkedom\/|htmlparser2\/|cssom\/)/;

describe("importing", () => {
  test("graft-ml loads no chart library, no document and no page of the report", async () => {
    const loaded = await loadedBy("index.js");
    expect(loaded.filter((url) => url.endsWith("/model/open-artifact.js"))).toHaveLength(1);
    expect(loaded.filter((url) => drawing.test(url))).toEqual([]);
    const pages = loaded.filter((url) => url.includes("/dist/report/")).map((url) => url.split("/dist/")[1]);
    expect(pages).toEqual(["report/pages.js"]);
  });

  test("graft-ml/report does, so that the list above means something", async () => {
    expect((await loadedBy("report/index.js")).some((url) => drawing.test(url))).toBe(true);
  });
});

describe("a training that is saved", () => {
  const work = temporaryFolder();
  const [images, network, cache] = ["shapes", "tiny.onnx", "cache"].map((name) => join(work, name)) as [
    string,
    string,
    string,
  ];
  /** A JSON file, without what differs each time. */
  const json = (...path: string[]): Record<string, unknown> =>
    JSON.parse(readFileSync(join(work, ...path), "utf8"), (key, value: unknown) =>
      key === "seconds" ? "some" : value,
    ) as Record<string, unknown>;

  beforeAll(async () => {
    vi.stubEnv("GRAFT_CACHE", cache);
    writeFileSync(network, tinyNetwork());
    await writeShapes(images, { circle: 14, square: 14 });
    return () => vi.unstubAllEnvs();
  });

  test("has the files that the command line writes, with the same in them", async () => {
    const notes: string[] = [];
    const result = await train({ data: images, network, onNote: (note) => notes.push(note) });
    expect(notes.join("\n")).toContain("Graft assumes");
    const { modelSha256, run } = await result.save(join(work, "by library"));
    const { code, stderr } = await graft(["train", images, "--network", network, "--out", join(work, "by cli")], cache);
    expect(code, stderr).toBe(0);
    for (const folder of ["by library", "by cli"]) {
      expect(readdirSync(join(work, folder)).sort()).toEqual([...runFileNames].sort());
      expect((await readRunPredictions(join(work, folder)))!.model.sha256).toBe(modelSha256);
    }
    for (const same of ["graft.json", "answers.json"]) expect(json("by library", same)).toEqual(json("by cli", same));
    const [mine, theirs] = [json("by library", "metrics.json"), json("by cli", "metrics.json")];
    expect(Object.keys(mine)).toEqual(Object.keys(theirs));
    for (const same of ["test", "validation", "calibration", "findings", "labels", "trust"])
      expect(mine[same], same).toEqual(theirs[same]);
    expect(run.explanations.length).toBeGreaterThan(0);
  });

  test("is refused in a folder that another training is at work on, and with options that do not fit", async () => {
    const result = await train({ data: images, network });
    const out = join(work, "taken");
    await inRunFolder(out, async () => {
      const elsewhere = `import("${pathToFileURL(join(dist, "run/read.js")).href}").then(({ inRunFolder }) => inRunFolder(${JSON.stringify(out)}, async () => {}))`;
      await expect(promisify(execFile)(process.execPath, ["--eval", elsewhere])).rejects.toThrow("is working in");
    });
    await expect(result.save("")).rejects.toThrow("The first argument of save takes the path of a folder");
    await expect(result.save(out, { audits: false } as never)).rejects.toThrow("did you mean audit?");
  });
});

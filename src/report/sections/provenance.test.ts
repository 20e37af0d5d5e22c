import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseHTML } from "linkedom";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IMAGE, LOGITS, PROBABILITIES } from "../../model/artifact-graph.ts";
import { encodeModel } from "../../onnx/codec/write-model.ts";
import { GRAFT_IR_VERSION, GRAFT_OPSET, int64Tensor, type Model, node } from "../../onnx/model.ts";
import type { ReportInput } from "../../run/report-input.ts";
import { usageSection } from "./provenance.ts";

const classes = ["red </script>", 'gr"een', "blue"];

/** An artifact in miniature: the mean colour of the image is its features and logits. */
const model: Model = {
  irVersion: GRAFT_IR_VERSION,
  opsets: new Map([["", GRAFT_OPSET]]),
  metadata: new Map([["graft.classes", JSON.stringify(classes)]]),
  graph: {
    name: "mean colour",
    inputs: [{ name: IMAGE, type: "uint8", dims: ["N", "H", "W", 3] }],
    outputs: [PROBABILITIES, LOGITS].map((name) => ({ name, type: "float32", dims: ["N", 3] })),
    initializers: new Map([["axes", int64Tensor([2], [1, 2])]]),
    nodes: [
      node("Cast", [IMAGE], ["pixels"], { to: 1 }),
      node("ReduceMean", ["pixels", "axes"], [LOGITS], { keepdims: 0 }),
      node("Softmax", [LOGITS], [PROBABILITIES], { axis: 1 }),
    ],
  },
};

const input = { modelFile: "my model.onnx", dataset: { classes }, network: { features: 3 } } as unknown as ReportInput;
const { document } = parseHTML(`<html><body>${usageSection(input)!.body.markup}</body></html>`);
const code = (language: string): string => document.querySelector(`.language-${language}`)!.textContent;

describe("usageSection", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "graft-usage-"));
    await symlink(fileURLToPath(new URL("../../../node_modules", import.meta.url)), join(folder, "node_modules"));
    await writeFile(join(folder, "my model.onnx"), Buffer.concat(encodeModel(model)));
    const blue = { create: { width: 4, height: 6, channels: 4, background: "#0000ff" } } as const;
    await sharp(blue).jpeg().toFile(join(folder, "photo.jpg"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("shows code for Node that runs as it stands, and reports nothing to anybody", async () => {
    await writeFile(join(folder, "use.mjs"), code("node"));
    const home = join(folder, "home");
    await mkdir(home);
    // Without CI, where ONNX Runtime reports nothing. What it reports is stored in the home folder first.
    const env = { PATH: process.env.PATH, HOME: home, TMPDIR: home };
    const printed = execFileSync(process.execPath, ["use.mjs"], { cwd: folder, encoding: "utf8", env });
    expect(printed).toBe("blue 1\n");
    expect(await readdir(home)).toEqual([]);
  });

  it("writes class names as literals that cannot end a script element", () => {
    for (const language of ["node", "browser"]) {
      const list = /const classes = (\[.*\]);/.exec(code(language))![1]!;
      expect(list).not.toContain("<");
      expect(JSON.parse(list)).toEqual(classes);
    }
    expect(code("python")).toContain('custom_metadata_map["graft.classes"]');
  });
});

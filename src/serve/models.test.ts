import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { tinyArtifact } from "../../tests/support/artifact.ts";
import { dataError } from "../base/errors.ts";
import type { PredictionEngine } from "./batcher.ts";
import type { Log } from "./metrics.ts";
import { modelSources, openModels } from "./models.ts";

const folder = mkdtempSync(join(tmpdir(), "graft-models-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("names", () => {
  it("are given, the file's, or the folder's of a model.onnx", () => {
    const named = modelSources(["birds=x/model.onnx", "flowers.onnx", "runs/bees/model.onnx", "a=b=c.onnx"]);
    expect(named.map(({ name, path }) => [name, path])).toEqual([
      ["birds", "x/model.onnx"],
      ["flowers", "flowers.onnx"],
      ["bees", "runs/bees/model.onnx"],
      ["a", "b=c.onnx"],
    ]);
  });

  it("can be parts of an address, and are there once", () => {
    for (const name of ["..", "a b", "ä", "", "a%2f"])
      expect(() => modelSources([`${name}=m.onnx`]), name).toThrow("is not a valid model name");
    expect(() => modelSources(["x/a.onnx", "y/a.onnx"])).toThrow('x/a.onnx and y/a.onnx have the same name "a"');
  });
});

describe("versions", () => {
  it("take each other's place; the old one is closed when its last holder has let go", async () => {
    const path = join(folder, "model.onnx");
    writeFileSync(path, await tinyArtifact(join(folder, "scratch.onnx"), 1));
    const opened: number[] = [];
    const closed: number[] = [];
    let isBroken = false;
    const engine: PredictionEngine = {
      lanes: 1,
      async open(version) {
        if (isBroken) throw dataError("Not accepted.");
        opened.push(version);
      },
      run: () => Promise.reject(new Error("Nothing is run here.")),
      async close(version) {
        closed.push(version);
      },
      stop: async () => {},
    };
    const events: string[] = [];
    const log: Log = (_, event) => events.push(event);
    const models = await openModels([{ name: "m", path }], engine, log);
    const before = models.find("m")!;
    expect(before.classes).toEqual(["circle", "square", "triangle"]);
    const release = before.hold();
    await models.reload(false);
    expect([opened, events]).toEqual([[0], []]);

    writeFileSync(path, await tinyArtifact(join(folder, "scratch.onnx"), 2));
    await models.reload(false);
    expect([opened, closed, events]).toEqual([[0, 1], [], ["reloaded"]]);
    expect(models.find("m")!.sha256).not.toBe(before.sha256);
    release();
    expect(closed).toEqual([0]);

    // A file that cannot be opened is logged once, and changes nothing.
    isBroken = true;
    writeFileSync(path, await tinyArtifact(join(folder, "scratch.onnx"), 3));
    await models.reload(false);
    await models.reload(false);
    rmSync(path);
    await models.reload(false);
    expect(events).toEqual(["reloaded", "reload_failed", "reload_failed"]);
    expect([models.find("m")!.id, closed]).toEqual([1, [0]]);
    expect(models.find("nobody")).toBeUndefined();
  });
});

/** The lists and archives in ../shared/faults, if that folder exists: each is read, or refused with one right sentence. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { discoverDataset } from "./discover.ts";

const faults = fileURLToPath(new URL("../../../../shared/faults/", import.meta.url));
const flowers = fileURLToPath(new URL("../../../../shared/datasets/flowers/train/", import.meta.url));
const isThere = existsSync(faults) && existsSync(flowers);

describe.skipIf(!isThere)(`inputs that failed once${isThere ? "" : " (../shared is not there)"}`, () => {
  let root: string;
  beforeAll(() => {
    process.env.GRAFT_CACHE = mkdtempSync(join(tmpdir(), "graft-cache-"));
    root = mkdtempSync(join(tmpdir(), "graft-faults-"));
    cpSync(join(faults, "lists"), root, { recursive: true });
    // The images that the lists name, from the flowers dataset.
    const named = readFileSync(join(root, "filename_class.csv"), "utf8").match(/base\/[^,]*/g)!;
    for (const path of named) cpSync(join(flowers, path.slice("base/".length)), join(root, path), { recursive: true });
    expect(dirname(named[0]!)).toBe("base/daisy");
  });

  const refused: Readonly<Record<string, RegExp>> = {
    "multilabel.csv": /^Line 3 of .*multilabel\.csv gives one image several labels \("daisy", "white"\)/,
  };

  it("every list is read or refused with the right reason", async () => {
    for (const name of readdirSync(join(faults, "lists"))) {
      const path = join(root, name);
      const wanted = refused[name];
      if (wanted) {
        await expect(discoverDataset(path), name).rejects.toThrow(wanted);
        continue;
      }
      const { examples, classes, ignored } = await discoverDataset(path);
      expect([name, examples.length, classes.length, ignored.length]).toEqual([name, 36, 3, 0]);
    }
  });

  it("splits, encodings and columns are right", async () => {
    const splits = async (name: string): Promise<(string | undefined)[]> =>
      [...new Set((await discoverDataset(join(root, name))).examples.map(({ split }) => split))].sort();
    expect(await splits("splitcase.csv")).toEqual(["test", "train"]);
    expect(await splits("splitvalid.csv")).toEqual(["train", "validation"]);
    expect(await splits("extra.csv")).toEqual(["test", "train"]);
    expect((await discoverDataset(join(root, "latin1.csv"))).classes).toContain("Gänseblümchen");
  });

  it("overlap.zip is refused, the damaged entry of badcrc.zip is listed", async () => {
    await expect(discoverDataset(join(faults, "overlap.zip"))).rejects.toThrow("its entries overlap");
    await expect(discoverDataset(join(faults, "badcrc.zip"), "judge")).rejects.toThrow(
      /no images that can be used: .*badcrc\.zip\/cats\/a\.jpg is left out \(damaged: its checksum is wrong\)/,
    );
  });
});

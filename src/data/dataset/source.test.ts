import { mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { zipOf } from "../../../tests/support/zip.ts";
import { imagesOf } from "./source.ts";
import { lay, pets } from "./testing.ts";

process.env.GRAFT_CACHE = mkdtempSync(join(tmpdir(), "graft-cache-"));

const namesOf = async (path: string): Promise<string[]> =>
  (await imagesOf(path)).images.map(({ name }) => name.slice(path.length + 1));

describe("imagesOf", () => {
  it("returns a file itself, whatever its name", async () => {
    const path = join(lay(["words.txt"]), "words.txt");
    expect((await imagesOf(path)).images).toEqual([{ path, name: path }]);
    await expect(imagesOf(join(path, "..", "none"))).rejects.toMatchObject({ kind: "usage" });
  });

  it("returns a folder's images by name, follows links but no circles, and leaves out hidden files and Graft's own", async () => {
    const root = lay([...pets, "b.jpg", ".hidden/1.jpg", ".x.jpg", "graft-out/1.jpg", "cat/notes.txt"]);
    const elsewhere = lay(["9.jpg"]);
    symlinkSync(elsewhere, join(root, "linked"));
    symlinkSync(join(elsewhere, "9.jpg"), join(root, "a.jpg"));
    symlinkSync(root, join(root, "cat", "loop"));
    expect(await namesOf(root)).toEqual(["a.jpg", "b.jpg", ...pets, "linked/9.jpg"]);
    const { ignored } = await imagesOf(root);
    expect(ignored.map(({ path, kind }) => `${path.slice(root.length + 1)} ${kind}`).sort()).toEqual([
      ".hidden litter",
      ".x.jpg litter",
      "cat/loop special",
      "cat/notes.txt not-image",
      "graft-out own",
    ]);
  });

  it("names images of an archive below its path", async () => {
    const damaged = { name: "cat/9.jpg", data: Buffer.from("x"), check: 1 };
    const zip = zipOf([...pets.map((name) => ({ name, data: Buffer.from(name) })), damaged]);
    const path = join(lay({ "a.zip": zip }), "a.zip");
    expect(await namesOf(path)).toEqual(pets);
    expect((await imagesOf(path)).ignored).toEqual([
      { path: join(path, "cat/9.jpg"), kind: "damaged", reason: "damaged: its checksum is wrong" },
    ]);
  });
});

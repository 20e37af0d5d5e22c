/** Where files belong that the page will send, by their paths alone. How folders are read: data/dataset/read-layout.test.ts. */
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../data/dataset/file-tree.ts";
import { createSurvey } from "../../data/dataset/survey.ts";
import { type ArrangeOptions, arrange } from "./receive.ts";

const arranged = async (
  paths: readonly string[],
  options: Partial<ArrangeOptions> = {},
  lists: Readonly<Record<string, string>> = {},
) => {
  const contents = new Map(Object.entries(lists).map(([path, text]) => [path, Buffer.from(text)]));
  const tree = memoryTree([...paths, ...contents.keys()], contents);
  const found = await arrange(createSurvey(tree), { classes: [], loose: undefined, ...options });
  return {
    places: found.places.map(({ path, className, split }) => `${path} ${className}${split ? ` ${split}` : ""}`).sort(),
    skipped: found.skipped.map(({ path, reason }) => `${path}: ${reason}`).sort(),
    wrapper: found.wrapper,
  };
};

describe("what is dropped", () => {
  it("keeps its structure: folders at any depth belong to their class, test/ stays test", async () => {
    expect((await arranged(["cats/indoor/1.jpg", "cats/outdoor/2.jpg", "dogs/3.jpg"])).places).toEqual([
      "cats/indoor/1.jpg cats",
      "cats/outdoor/2.jpg cats",
      "dogs/3.jpg dogs",
    ]);
    expect(
      (await arranged(["photos/train/cat/1.jpg", "photos/train/dog/2.jpg", "photos/test/cat/3.jpg"])).places,
    ).toEqual([
      "photos/test/cat/3.jpg cat test",
      "photos/train/cat/1.jpg cat train",
      "photos/train/dog/2.jpg dog train",
    ]);
  });

  it("as a single folder of folders is a question, unless the project has that class", async () => {
    const paths = ["cats/indoor/1.jpg", "cats/outdoor/2.jpg"];
    expect(await arranged(paths)).toMatchObject({
      wrapper: "cats",
      places: [expect.stringMatching(/ indoor$/), expect.any(String)],
    });
    const known = await arranged(paths, { classes: ["cats"] });
    expect(known).toMatchObject({ wrapper: undefined, places: ["cats/indoor/1.jpg cats", "cats/outdoor/2.jpg cats"] });
    expect((await arranged(["a/train/x/1.jpg", "a/train/y/1.jpg"])).wrapper).toBeUndefined();
    expect((await arranged(["tulips/1.jpg"])).wrapper).toBeUndefined();
  });

  it("loose belongs to the class that is open; without one it has no class", async () => {
    expect(await arranged(["1.jpg", "notes.txt", ".DS_Store"], { loose: "bee" })).toEqual({
      places: ["1.jpg bee"],
      skipped: [".DS_Store: hidden", "notes.txt: not an image by its ending"],
      wrapper: undefined,
    });
    expect(await arranged(["1.jpg"])).toMatchObject({
      places: [],
      skipped: ["1.jpg: it is in no folder, which would name its class"],
    });
    expect((await arranged(["1.jpg", "ant/2.jpg"], { loose: "bee" })).places).toEqual(["1.jpg bee", "ant/2.jpg ant"]);
  });

  it("with a list goes by the list", async () => {
    const lists = { "train.csv": "id,label\n1,ant\n2,bee\n" };
    expect(await arranged(["train/1.jpg", "train/2.jpg", "test/3.jpg"], {}, lists)).toMatchObject({
      places: ["train/1.jpg ant train", "train/2.jpg bee train"],
      skipped: [expect.stringMatching(/^test: 1 image that no list names/)],
    });
    // A manifest that cannot be read does not keep loose images out.
    expect(await arranged(["1.jpg"], { loose: "bee" }, { "a.csv": "x,y,z\n1,2,3\n" })).toMatchObject({
      places: ["1.jpg bee"],
      skipped: [expect.stringMatching(/^a\.csv: The first line of a\.csv must name the columns/)],
    });
  });

  it("as train/ and test/ without classes is refused with the reason", async () => {
    await expect(arranged(["train/1.jpg", "test/2.jpg"])).rejects.toThrow("nothing says which image shows what");
  });

  it("under paths that mean harm is only text", async () => {
    const paths = ["../../evil/1.jpg", "/etc/2.jpg", "a//b/3.jpg", "__proto__/4.jpg", "constructor/5.jpg"];
    const { places } = await arranged(paths);
    expect(places).toContain("__proto__/4.jpg __proto__");
    expect(places).toContain("constructor/5.jpg constructor");
  });
});

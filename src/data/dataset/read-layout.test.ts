/** Common layouts, each read from a folder, a browser's upload, a zip and a tar.gz with the same result. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tarballOf } from "../../../tests/support/tar.ts";
import { zipOf } from "../../../tests/support/zip.ts";
import { unpackArchive } from "./archive/kept-archive.ts";
import { archiveKindOf } from "./archive/unpack-archive.ts";
import { diskTree } from "./disk-tree.ts";
import type { Tree } from "./file-tree.ts";
import { memoryTree } from "./file-tree.ts";
import { readLayout } from "./read-layout.ts";
import { createSurvey } from "./survey.ts";
import { entriesOf, type Files, lay, pets } from "./testing.ts";

const bytesOf = (files: Files): Map<string, Uint8Array> =>
  new Map(entriesOf(files).map(([path, content]) => [path, Buffer.from(content)]));

async function unpacked(name: string, archive: Buffer): Promise<Tree> {
  const work = mkdtempSync(join(tmpdir(), "graft-layout-"));
  const folder = join(work, "files");
  mkdirSync(folder);
  writeFileSync(join(work, name), archive);
  const kind = await archiveKindOf(join(work, name), name);
  await unpackArchive(join(work, name), kind!, folder, "The archive");
  return diskTree(folder, { called: "", contained: true });
}

/** The same files, stored in four ways. */
const ways: Readonly<Record<string, (files: Files) => Promise<Tree> | Tree>> = {
  folder: (files) => diskTree(lay(files), { called: "" }),
  drop: (files) => {
    const contents = bytesOf(files);
    return memoryTree(contents.keys(), contents);
  },
  zip: (files) => unpacked("a.zip", zipOf([...bytesOf(files)].map(([name, data]) => ({ name, data })))),
  "tar.gz": (files) => unpacked("a.tgz", tarballOf([...bytesOf(files)].map(([path, content]) => ({ path, content })))),
};

interface Read {
  readonly lines: string[];
  readonly ignored: string[];
  readonly notes: readonly string[];
  readonly obstacle: string | undefined;
}

async function read(tree: Tree, known?: readonly string[]): Promise<Read> {
  const survey = createSurvey(tree);
  const { named, notes, obstacle } = await readLayout(survey, known);
  return {
    lines: named.map(({ path, className, split }) => `${path} ${className}${split ? ` ${split}` : ""}`).sort(),
    ignored: survey.ignored.map(({ path, kind }) => `${path} ${kind}`).sort(),
    notes,
    obstacle,
  };
}

const parts = (...names: string[]): string[] => names.flatMap((name) => pets.map((file) => `${name}/${file}`));
const inParts = (folder: string, split: string): string[] =>
  pets.map((file) => `${folder}/${file} ${file.slice(0, 3)} ${split}`);

const layouts: [title: string, files: Files, lines: string[], ignored?: string[]][] = [
  [
    "class folders, at any depth",
    [...pets, "cat/indoor/x/3.png"],
    ["cat/1.jpg cat", "cat/2.jpg cat", "cat/indoor/x/3.png cat", "dog/1.jpg dog", "dog/2.jpg dog"],
  ],
  [
    "Roboflow, fastai: train/, valid/, test/",
    parts("train", "valid", "test"),
    [...inParts("test", "test"), ...inParts("train", "train"), ...inParts("valid", "validation")],
  ],
  [
    "Keras examples: Training/ and Testing/",
    parts("Training", "Testing"),
    [...inParts("Testing", "test"), ...inParts("Training", "train")],
  ],
  [
    "TRAIN, Val, Validation in any case",
    parts("TRAIN", "Val", "Validation"),
    [...inParts("TRAIN", "train"), ...inParts("Val", "validation"), ...inParts("Validation", "validation")],
  ],
  [
    "Kaggle: training_set/training_set/",
    parts("training_set/training_set", "test_set/test_set"),
    [...inParts("test_set/test_set", "test"), ...inParts("training_set/training_set", "train")],
  ],
  [
    "one folder around everything",
    pets.map((file) => `photos-main/${file}`),
    pets.map((file) => `photos-main/${file} ${file.slice(0, 3)}`),
  ],
  [
    "two folders around split folders",
    parts("a/b/train", "a/b/valid"),
    [...inParts("a/b/train", "train"), ...inParts("a/b/valid", "validation")],
  ],
  [
    "class folders with a test/ of the same classes beside them",
    [...pets, "test/cat/9.jpg"],
    [...pets.map((file) => `${file} ${file.slice(0, 3)} train`), "test/cat/9.jpg cat test"],
  ],
  [
    "split folders in every class",
    ["cat/train/1.jpg", "cat/test/2.jpg", "cat/3.jpg", "dog/train/1.jpg"],
    ["cat/3.jpg cat train", "cat/test/2.jpg cat test", "cat/train/1.jpg cat train", "dog/train/1.jpg dog train"],
  ],
  ["a class called train that is not a split", ["train/1.jpg", "bus/1.jpg"], ["bus/1.jpg bus", "train/1.jpg train"]],
  [
    "Hugging Face: metadata.csv in each part",
    {
      "train/metadata.csv": "file_name,label\n1.jpg,cat\n2.jpg,dog\n",
      "train/1.jpg": "",
      "train/2.jpg": "",
      "test/metadata.jsonl": '{"file_name":"sub/3.jpg","label":"cat"}\n',
      "test/sub/3.jpg": "",
    },
    ["test/sub/3.jpg cat test", "train/1.jpg cat train", "train/2.jpg dog train"],
  ],
  [
    "Hugging Face: one metadata.csv above the parts",
    { "metadata.csv": "file_name,label\ntrain/1.jpg,a\ntest/2.jpg,b\n", "train/1.jpg": "", "test/2.jpg": "" },
    ["test/2.jpg b test", "train/1.jpg a train"],
  ],
  [
    "Hugging Face: a metadata.csv without labels does not replace class folders",
    { "cat/1.jpg": "", "dog/2.jpg": "", "metadata.csv": "file_name,text,width\ncat/1.jpg,hello,3\n" },
    ["cat/1.jpg cat", "dog/2.jpg dog"],
    ["metadata.csv beside", "metadata.csv list"],
  ],
  [
    "Roboflow: _classes.csv in each part",
    {
      "train/_classes.csv": "filename, cat, dog\n1.jpg, 1, 0\n2.jpg, 0, 1\n",
      "train/1.jpg": "",
      "train/2.jpg": "",
      "valid/_classes.csv": "filename, cat, dog\n3.jpg, 1, 0\n",
      "valid/3.jpg": "",
      "README.roboflow.txt": "",
    },
    ["train/1.jpg cat train", "train/2.jpg dog train", "valid/3.jpg cat validation"],
    ["README.roboflow.txt beside"],
  ],
  [
    "Kaggle: train/, test/ and train.csv with ids",
    {
      "train.csv": "id,breed\n10,pug\n11,beagle\n",
      "train/10.jpg": "",
      "train/11.jpg": "",
      "test/10.jpg": "",
      "sample_submission.csv": "id,breed\n10,pug\n",
    },
    ["train/10.jpg pug train", "train/11.jpg beagle train"],
    ["sample_submission.csv list", "test unlabelled"],
  ],
  [
    "Kaggle: train_images/ and train.csv",
    {
      "train.csv": "image_id,label\n1.jpg,0\n2.jpg,3\n",
      "train_images/1.jpg": "",
      "train_images/2.jpg": "",
      "test_images/3.jpg": "",
    },
    ["train_images/1.jpg 0 train", "train_images/2.jpg 3 train"],
    ["test_images unlabelled"],
  ],
  [
    "Kaggle: a row whose file is missing does not match a file of the other part",
    { "train.csv": "id,y\n1,a\n2,b\n", "train/1.jpg": "", "test/2.jpg": "" },
    ["train/1.jpg a train"],
    ["2 missing", "test unlabelled"],
  ],
  [
    "images in one folder and a list beside it",
    { "labels.csv": "filename,label\n1.jpg,a\n2.jpg,b\n", "images/1.jpg": "", "images/2.jpg": "", "images/3.jpg": "" },
    ["images/1.jpg a", "images/2.jpg b"],
    ["images unlabelled"],
  ],
  [
    "images in numbered folders and a list beside them",
    { "labels.csv": "filename,label\n1.jpg,a\n2.jpg,b\n", "images_001/1.jpg": "", "images_002/2.jpg": "" },
    ["images_001/1.jpg a", "images_002/2.jpg b"],
  ],
  [
    "images and their list in one folder",
    { "set/labels.csv": "filename,label\n1.jpg,a\n2.jpg,b\n", "set/1.jpg": "", "set/2.jpg": "" },
    ["set/1.jpg a", "set/2.jpg b"],
  ],
  [
    "class folders take precedence over a list beside them, which is noted",
    { "cat/1.jpg": "", "dog/2.jpg": "", "labels.csv": "filename,label\ncat/1.jpg,x\ndog/2.jpg,y\n" },
    ["cat/1.jpg cat", "dog/2.jpg dog"],
    ["labels.csv beside", "labels.csv list"],
  ],
];

describe.each(Object.entries(ways))("as a %s", (_, treeOf) => {
  it.each(layouts)("%s", async (__, files, lines, ignored = []) => {
    const found = await read(await treeOf(files));
    expect(found.obstacle).toBeUndefined();
    expect(found.lines).toEqual(lines);
    expect(found.ignored).toEqual(ignored);
  });

  it("folders that systems and Graft leave behind are not classes, and are noted", async () => {
    const litter = [
      ".ipynb_checkpoints/cat.jpg",
      ".thumbs/1.jpg",
      "@eaDir/1.jpg",
      "__MACOSX/cat/._1.jpg",
      "cat/.DS_Store",
      "cat/@eaDir/1.jpg",
      "dog/Thumbs.db",
      "graft-out/thumb.jpg",
      "my-run/1.jpg",
      "my-run/graft.json",
      "photos-quarantine-2/cat/1.jpg",
      "photos-quarantine/cat/1.jpg",
      "stopped/1.jpg",
      "stopped/checkpoint.safetensors",
    ];
    const found = await read(await treeOf([...pets, ...litter]));
    expect(found.lines).toEqual(pets.map((file) => `${file} ${file.slice(0, 3)}`));
    expect(found.ignored).toEqual([
      ".ipynb_checkpoints litter",
      ".thumbs litter",
      "@eaDir litter",
      "__MACOSX litter",
      "cat/.DS_Store litter",
      "cat/@eaDir litter",
      "dog/Thumbs.db litter",
      "graft-out own",
      "my-run own",
      "photos-quarantine own",
      "photos-quarantine-2 own",
      "stopped own",
    ]);
  });

  it.each([
    [["train/1.jpg", "test/2.jpg"], "test/ and train/"],
    [["train/1.jpg", "train/2.jpg"], "train/ with images"],
    [["train/images/1.jpg", "valid/images/2.jpg"], "train/ and valid/"],
    [["train_images/1.jpg", "test_images/2.jpg"], "test_images/ and train_images/"],
    [["cat/1.jpg", "train/1.jpg", "test/2.jpg"], "test/ and train/"],
  ])("parts without classes are explained, never told apart: %j", async (files, says) => {
    const { obstacle } = await read(await treeOf(files));
    expect(obstacle).toContain(says);
    expect(obstacle).toContain("nothing says which image shows what");
    expect(obstacle).toContain("train.csv");
  });

  it("parts without images are not classes", async () => {
    for (const files of [
      [...pets, "test/notes.txt"],
      [...pets.map((path) => `train/${path}`), "test/notes.txt"],
    ]) {
      const found = await read(await treeOf(files));
      expect(found.lines).toHaveLength(4);
      expect(found.lines.join()).not.toContain("test");
      expect(found.ignored).toEqual(["test empty"]);
    }
  });

  it("a test part without classes beside class folders has no labels", async () => {
    const found = await read(await treeOf([...pets, "test/7.jpg", "test/8.jpg"]));
    expect(found.lines).toEqual(pets.map((file) => `${file} ${file.slice(0, 3)}`));
    expect(found.ignored).toEqual(["test unlabelled"]);
  });

  it("the content of a single folder of folders is the dataset, with a note, unless the folder is a known class", async () => {
    const files = ["cats/indoor/1.jpg", "cats/outdoor/2.jpg", "notes.txt"];
    const found = await read(await treeOf(files));
    expect(found.lines).toEqual(["cats/indoor/1.jpg indoor", "cats/outdoor/2.jpg outdoor"]);
    expect(found.notes).toEqual(["cats is the only folder, so its content was read as the dataset."]);
    expect(found.ignored).toEqual(["notes.txt beside"]);
    const known = await read(await treeOf(files), ["cats"]);
    expect(known.lines).toEqual(["cats/indoor/1.jpg cats", "cats/outdoor/2.jpg cats"]);
    const two = await read(await treeOf([...files, "dogs/1.jpg"]));
    expect(two.lines).toEqual(["cats/indoor/1.jpg cats", "cats/outdoor/2.jpg cats", "dogs/1.jpg dogs"]);
  });

  it("a single class folder in the test part is a class if the training part has it", async () => {
    const { lines } = await read(await treeOf([...parts("train"), "test/cat/in/1.jpg", "test/cat/out/2.jpg"]));
    expect(lines.slice(0, 2)).toEqual(["test/cat/in/1.jpg cat test", "test/cat/out/2.jpg cat test"]);
  });

  it("a list that cannot be read is an error with the reason if there is nothing else", async () => {
    const flat = { "a.csv": "file,width,height\n1.jpg,3,4\n", "1.jpg": "" };
    await expect(read(await treeOf(flat))).rejects.toThrow('has no label column: it has "file", "width", "height"');
    const multi = {
      "train/_classes.csv": "filename,cat,dog\n1.jpg,1,1\n",
      "train/1.jpg": "",
      "valid/_classes.csv": "filename,cat,dog\n2.jpg,1,0\n",
      "valid/2.jpg": "",
    };
    await expect(read(await treeOf(multi))).rejects.toThrow('several labels ("cat", "dog"): multi-label');
    const both = { "a.csv": "file,label\n1.jpg,x\n", "b.csv": "file,label\n1.jpg,y\n", "1.jpg": "" };
    await expect(read(await treeOf(both))).rejects.toThrow("Both a.csv and b.csv list 1.jpg");
  });
});

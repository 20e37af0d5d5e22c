/** Common lists: read if they are unambiguous, else refused with one right sentence. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { discoverDataset } from "../discover.ts";
import { type Files, lay, linesOf } from "../testing.ts";

const images = ["1.jpg", "2.jpg", "3.jpg", "4.jpg"];

/** The dataset of a list with these images beside it. */
async function read(
  text: string | Uint8Array,
  { name = "list.csv", files = images }: { name?: string; files?: readonly string[] } = {},
): Promise<{ lines: string[]; notes: readonly string[]; ignored: string[] }> {
  const root = lay(Object.fromEntries([...files.map((file) => [file, file] as const), [name, text]]) as Files);
  const dataset = await discoverDataset(join(root, name), "judge");
  const ignored = dataset.ignored.map(({ path, kind, reason }) => `${path.slice(root.length + 1)} ${kind} ${reason}`);
  return { lines: linesOf(dataset, root), notes: dataset.notes ?? [], ignored };
}

const plain = ["1.jpg cat", "2.jpg cat", "3.jpg dog", "4.jpg dog"];
const body = "1.jpg,cat\n2.jpg,cat\n3.jpg,dog\n4.jpg,dog\n";

describe("delimiters", () => {
  it.each([
    [",", "list.csv"],
    [";", "list.csv"],
    ["\t", "list.csv"],
    ["\t", "list.tsv"],
    [",", "list.tsv"],
    ["|", "list.csv"],
  ])("%j in a %s", async (delimiter, name) => {
    expect((await read(`path,label\n${body}`.replaceAll(",", delimiter), { name })).lines).toEqual(plain);
  });

  it("named in the first line, as spreadsheets do", async () => {
    expect((await read(`sep=;\r\npath;label\r\n${body.replaceAll(",", ";")}`)).lines).toEqual(plain);
  });

  it("quoted cells, all line ends, any order of columns", async () => {
    const text =
      'label,path,split\r\ncat,"a, b.jpg",train\r\ncat,2.jpg,\r\n\r\ndog,"say ""hi"".jpg",train\ndog,4.jpg,val\ndog,5.jpg,test';
    const files = ["a, b.jpg", "2.jpg", 'say "hi".jpg', "4.jpg", "5.jpg"];
    expect((await read(text, { files })).lines).toEqual([
      "a, b.jpg cat train",
      "2.jpg cat",
      'say "hi".jpg dog train',
      "4.jpg dog validation",
      "5.jpg dog test",
    ]);
  });
});

describe("encodings", () => {
  const text = "path,label\n1.jpg,Gänseblümchen\n2.jpg,naïve\n";
  const wanted = ["1.jpg Gänseblümchen", "2.jpg naïve"];
  const utf16 = (mark: boolean): Buffer => Buffer.from((mark ? "\ufeff" : "") + text, "utf16le");

  it.each([
    ["UTF-8", Buffer.from(text)],
    ["UTF-8 with a mark", Buffer.from(`\ufeff${text}`)],
    ["UTF-16 LE", utf16(true)],
    ["UTF-16 BE", utf16(true).swap16()],
    ["UTF-16 LE without a mark", utf16(false)],
    ["UTF-16 BE without a mark", utf16(false).swap16()],
  ])("%s", async (_, bytes) => {
    expect(await read(bytes)).toMatchObject({ lines: wanted, notes: [] });
  });

  it("Windows-1252, with a note", async () => {
    const { lines, notes } = await read(Buffer.from(text, "latin1"));
    expect(lines).toEqual(wanted);
    expect(notes[0]).toMatch(/list\.csv is not UTF-8 and was read as Windows-1252/);
  });

  it("a spreadsheet file is not text", async () => {
    await expect(read(Buffer.from("PK\x03\x04\0\0binary"))).rejects.toThrow("is not a text file: save it as CSV");
  });
});

describe("columns", () => {
  it.each([
    "path,label",
    "file_name,label",
    "filename,class",
    "Image,Category",
    "file,target",
    "FilePath,Class Name",
    "image_id,label",
    "file-path,labels",
    "img,tag",
    "id,breed",
    "name,label",
  ])("%s", async (header) => {
    expect((await read(`${header}\n${body}`)).lines).toEqual(plain);
  });

  it("others are ignored, and a path takes precedence over an id", async () => {
    const text = "id,path,width,label,split\n1,1.jpg,300,daisy,train\n2,2.jpg,300,rose,test\n";
    expect((await read(text)).lines).toEqual(["1.jpg daisy train", "2.jpg rose test"]);
  });

  it("a split in any case and wording; a column named set counts only if all its cells name splits", async () => {
    const words = ["Train", "TRAINING", "valid", "dev", "Validation", "val", "Testing", "test", ""];
    const files = words.map((_, i) => `${i}.jpg`);
    const rows = words.map((word, i) => `${i}.jpg,x,${word}`).join("\n");
    const { lines } = await read(`path,label,split\n${rows}\n`, { files });
    expect(lines.map((line) => line.split(" ")[2])).toEqual(
      "train train validation validation validation validation test test".split(" ").concat(undefined as never),
    );
    expect((await read("path,label,set\n1.jpg,a,Train\n2.jpg,b,test\n")).lines).toEqual([
      "1.jpg a train",
      "2.jpg b test",
    ]);
    expect((await read("path,label,set\n1.jpg,a,blue\n2.jpg,b,red\n")).lines).toEqual(["1.jpg a", "2.jpg b"]);
  });

  it("without names: the first line names an existing file", async () => {
    expect((await read(body)).lines).toEqual(plain);
    expect((await read("1.jpg;cat;train\n2.jpg;dog;test\n")).lines).toEqual(["1.jpg cat train", "2.jpg dog test"]);
    await expect(read("x.jpg,cat\n2.jpg,dog\n")).rejects.toThrow(
      'must name the columns, such as path,label: it has "x.jpg", "cat"',
    );
  });

  it("one per class, as in Roboflow's exports; a row of zeros has no label", async () => {
    const text = "filename, cat, dog\n1.jpg, 1, 0\n2.jpg, 0, 1\n3.jpg, 0, 0\n";
    const { lines, ignored } = await read(text);
    expect(lines).toEqual(["1.jpg cat", "2.jpg dog"]);
    expect(ignored).toEqual([expect.stringMatching(/^3\.jpg unlabelled line 4 of .*list\.csv gives it no label$/)]);
    await expect(read("filename,cat,dog\n1.jpg,1,0\n2.jpg,1,1\n")).rejects.toThrow(
      /Line 3 of .*list\.csv gives one image several labels \("cat", "dog"\): multi-label training is not supported yet/,
    );
  });

  it("of JSON lines: numbers and booleans are labels, a list of one item is that item", async () => {
    const lines = [1, 2, 3, 4].map((i) => JSON.stringify({ file_name: `${i}.jpg`, label: i % 2 }));
    expect((await read(`\ufeff${lines.join("\r\n")}\n\n`, { name: "a.jsonl" })).lines).toEqual([
      "1.jpg 1",
      "2.jpg 0",
      "3.jpg 1",
      "4.jpg 0",
    ]);
    const arrays = '{"path":"1.jpg","label":["cat"]}\n{"label":["dog"],"path":"2.jpg","more":{"a":1}}\n';
    expect((await read(arrays, { name: "a.jsonl" })).lines).toEqual(["1.jpg cat", "2.jpg dog"]);
    await expect(read('{"path":"1.jpg","label":["cat","white"]}\n', { name: "a.jsonl" })).rejects.toThrow("Line 1 of");
  });
});

describe("several labels in a cell", () => {
  it.each([",", ";", "|"])("separated by %j, if one of them is a label of another row", async (separator) => {
    const text = `path\tlabel\n1.jpg\tdaisy\n2.jpg\tdaisy${separator}white\n`;
    await expect(read(text)).rejects.toThrow(
      /Line 3 of .* \("daisy", "white"\): multi-label training is not supported yet/,
    );
  });

  it("are one label if no part is a label", async () => {
    expect((await read('path,label\n1.jpg,"Paris, France"\n2.jpg,"Rome, Italy"\n')).lines).toEqual([
      "1.jpg Paris, France",
      "2.jpg Rome, Italy",
    ]);
  });
});

describe("paths", () => {
  it("without an ending, if one image has that name", async () => {
    const files = ["a/1.jpg", "a/1.txt", "b/x.y.png"];
    expect((await read("id,label\na/1,cat\nb/x.y,dog\n", { files })).lines).toEqual(["a/1.jpg cat", "b/x.y.png dog"]);
    await expect(read("id,label\na/1,cat\n", { files: ["a/1.jpg", "a/1.png"] })).rejects.toThrow(
      /Line 2 of .* names "a\/1", which may be .*1\.jpg or .*1\.png: write its folder and ending/,
    );
  });

  it("anywhere below the list, if one image has that name", async () => {
    const files = ["images/a/1.jpg", "images/b/2.jpg"];
    expect((await read("id,label\n1,cat\n2.jpg,dog\n", { files })).lines).toEqual([
      "images/a/1.jpg cat",
      "images/b/2.jpg dog",
    ]);
    expect((await read("id,label\na/1.jpg,cat\n", { files })).lines).toEqual(["images/a/1.jpg cat"]);
    // An image in another folder than the written one is a different image.
    await expect(read("id,label\nc/1.jpg,cat\n", { files })).rejects.toThrow('"c/1.jpg", is not in');
  });

  it("with backslashes, ./ and .., absolute", async () => {
    const files = ["cat/1.jpg", "cat/2.jpg", "cat/3.jpg"];
    const root = lay([...files, "outside.jpg"]);
    const text = `path,label\ncat\\1.jpg,a\n./cat/x/../2.jpg,a\n${join(root, "cat/3.jpg")},b\n${join(root, "outside.jpg")},b\n`;
    expect((await read(text, { files })).lines.slice(0, 2)).toEqual(["cat/1.jpg a", "cat/2.jpg a"]);
    const { examples } = await discoverDataset(
      join(lay({ "list.csv": text, "cat/1.jpg": "", "cat/2.jpg": "" }), "list.csv"),
    );
    expect(examples.slice(2).map(({ path }) => path)).toEqual([join(root, "cat/3.jpg"), join(root, "outside.jpg")]);
  });

  it("with accents in another encoding, in folders and files, and in another case", async () => {
    const [composed, decomposed] = ["caf\u00e9", "cafe\u0301"];
    const files = [`${composed}/${decomposed}.jpg`, `${decomposed}2/1.JPG`];
    const { lines } = await read(`path,label\n${decomposed}/${composed}.jpg,a\n${composed}2/1.jpg,b\n`, { files });
    expect(lines).toEqual([`${composed}/${decomposed}.jpg a`, `${decomposed}2/1.JPG b`]);
  });

  it("that are missing are listed with their line, and the rest is used", async () => {
    const { lines, ignored } = await read("path,label\n1.jpg,a\nnone/9.jpg,b\n2.jpg,b\n");
    expect(lines).toEqual(["1.jpg a", "2.jpg b"]);
    expect(ignored).toEqual([expect.stringMatching(/^none\/9\.jpg missing line 3 of .* but there is no such file$/)]);
  });

  it("that are all missing: the error names the first", async () => {
    await expect(read("path,label\nx/1.jpg,a\nx/2.jpg,b\n")).rejects.toThrow(
      /^None of the 2 images that .*list\.csv lists is there: the first, "x\/1\.jpg", is not in .* or below\. Paths are relative to the list\.$/,
    );
    await expect(read("url,path,label\n1,https://a.example/1.jpg,a\n")).rejects.toThrow("lists web addresses");
  });

  it("that name a folder are missing, not a system error", async () => {
    const { ignored } = await read("path,label\n1.jpg,a\nsub,b\n", { files: ["1.jpg", "sub/deep/2.jpg"] });
    expect(ignored).toHaveLength(1);
  });
});

describe("refusals", () => {
  const wrong: [name: string, text: string, says: string | RegExp][] = [
    ["a.csv", "", /must name the columns, such as path,label: it has none/],
    ["a.csv", "foo,bar\n1,2\n", /must name the columns.*"foo", "bar", and none of them is path, file_name/],
    ["a.csv", "path\n1.jpg\n", /has no label column: it has "path"; add a column "label"/],
    [
      "a.csv",
      "path,width,height\n1.jpg,3,4\n",
      /it has "path", "width", "height"; name the one with the class "label"/,
    ],
    ["a.csv", "path,label,label\n1.jpg,a,b\n", /has two columns named "label"/],
    ["a.csv", "path,label\n", "lists no images"],
    ["a.jsonl", "", "lists no images"],
    ["a.csv", "path,label\n1.jpg,cat\n2.jpg\n", /Line 3 of .*a\.csv lacks a label/],
    ["a.csv", "path,label\n,cat\n", /Line 2 of .*a\.csv lacks a path/],
    ["a.csv", "path,label\n1.jpg,cat\na, b.jpg,cat\n", /Line 3 of .* has 3 cells, but the header names 2 columns/],
    ["a.csv", "path,label,split\n1.jpg,cat,tset\n", /Line 2 of .* has the split "tset": use train, validation or test/],
    ["a.csv", "path,label,split\n1.jpg,cat,__proto__\n", 'split "__proto__"'],
    ["a.csv", 'path,label\n1.jpg,cat\n"2.jpg,cat\n', /Line 3 of .* is not CSV: a quote is left open/],
    [
      "a.csv",
      "path,label,split\n1.jpg,cat,train\nx/../1.jpg,cat,test\n",
      /Line 3 .* repeats the image .* of line 2: keep one/,
    ],
    ["a.csv", "path,label\n1.jpg,cat\n1.jpg,dog\n", /Line 3 .* the label "dog", line 2 "cat": multi-label training/],
    ["a.jsonl", '{"path":"1.jpg","label":"a"}\n{oops\n', /Line 2 of .* is not a JSON object/],
    ["a.jsonl", "[1]\n", "Line 1 of"],
    ["a.jsonl", "null\n", "Line 1 of"],
    ["a.jsonl", '{"path":"1.jpg","label":null}\n', /Line 1 of .* lacks a label/],
    ["a.jsonl", '{"path":"1.jpg","label":{"a":1}}\n', /Line 1 of .* lacks a label/],
  ];
  it.each(wrong)("%s %j", async (name, text, says) => {
    const failure: unknown = await read(text, { name }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: "data", message: expect.stringMatching(says) });
  });

  it("empty surplus cells, as spreadsheets write them, are ignored", async () => {
    expect((await read("path,label,,\n1.jpg,a,,\n2.jpg,b,,,\n")).lines).toEqual(["1.jpg a", "2.jpg b"]);
  });

  it("a list with one class is refused", async () => {
    const root = lay({ "a.csv": "path,label\n1.jpg,cat\n2.jpg,cat\n", "1.jpg": "", "2.jpg": "" });
    await expect(discoverDataset(join(root, "a.csv"))).rejects.toThrow("list images of at least two classes");
  });
});

it("a list as long as its folder is read in one pass", async () => {
  const files = Array.from({ length: 20_000 }, (_, i) => `${i}.jpg`);
  const root = lay({ "list.csv": `id,label\n${files.map((_, i) => `${i},c${i % 2}`).join("\n")}\n` });
  const { writeFile } = await import("node:fs/promises");
  for (const file of files) await writeFile(join(root, file), "");
  expect((await discoverDataset(join(root, "list.csv"))).examples).toHaveLength(20_000);
}, 20_000);

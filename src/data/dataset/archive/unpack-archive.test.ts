/** Archives that are wrong about themselves, damaged or malicious. discover.test.ts covers valid ones. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type TestEntry, tarballOf, tarOf } from "../../../../tests/support/tar.ts";
import { type ZipEntry, zipOf } from "../../../../tests/support/zip.ts";
import { unpackArchive } from "./kept-archive.ts";
import { type ArchiveLimits, archiveKindOf, archiveLimits } from "./unpack-archive.ts";

const image = Buffer.from("the bytes of an image");
const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), image]);

interface Result {
  readonly files: string[];
  readonly faults: string[];
  readonly folder: string;
}

async function unpack(bytes: Buffer, limits: ArchiveLimits = archiveLimits): Promise<Result> {
  const work = mkdtempSync(join(tmpdir(), "graft-hostile-"));
  const [path, folder] = [join(work, "archive"), join(work, "a", "b")];
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, bytes);
  const kind = await archiveKindOf(path, "it");
  try {
    const { files, faults } = await unpackArchive(path, kind!, folder, "The archive", { limits });
    return {
      files: files.map((file) => file.path),
      faults: faults.map(({ path: at, reason }) => `${at}: ${reason}`),
      folder,
    };
  } finally {
    // Whatever the archive contains, nothing is written beside the folder.
    expect(readdirSync(work).sort()).toEqual(["a", "archive"]);
    expect(readdirSync(join(work, "a"))).toEqual(["b"]);
  }
}

const entry = (name: ZipEntry["name"], more: Partial<ZipEntry> = {}): ZipEntry => ({ name, data: image, ...more });

describe("a zip", () => {
  it("with a wrong checksum: the file is damaged, the rest is used", async () => {
    const { files, faults, folder } = await unpack(
      zipOf([entry("cat/1.jpg"), entry("cat/2.jpg", { check: 5 }), entry("cat/3.jpg")]),
    );
    expect(files).toEqual(["cat/1.jpg", "cat/3.jpg"]);
    expect(faults).toEqual(["cat/2.jpg: damaged: its checksum is wrong"]);
    expect(readdirSync(join(folder, "cat"))).toEqual(["1.jpg", "3.jpg"]);
  });

  it("with damaged data: the same", async () => {
    const bytes = zipOf([entry("a/1.jpg", { data: Buffer.alloc(5000, "abcdefg") }), entry("a/2.jpg")]);
    bytes.fill(0xff, 37, 50);
    const { files, faults } = await unpack(bytes);
    expect(files).toEqual(["a/2.jpg"]);
    expect(faults).toEqual([expect.stringMatching(/^a\/1\.jpg: damaged: /)]);
  });

  it.each([
    ["more", 5],
    ["less", 5000],
  ])("whose file has %s bytes than it says: that file is damaged", async (_, claimed) => {
    const { files, faults } = await unpack(zipOf([entry("a/1.jpg", { claimed }), entry("a/2.jpg")]));
    expect(files).toEqual(["a/2.jpg"]);
    expect(faults).toEqual([expect.stringMatching(/^a\/1\.jpg: damaged: /)]);
  });

  it("whose entries overlap is refused", async () => {
    const shared = zipOf([entry("a/1.jpg"), entry("a/2.jpg", { shares: 0 }), entry("a/3.jpg", { shares: 0 })]);
    await expect(unpack(shared)).rejects.toThrow("The archive was refused: its entries overlap.");
    // One entry inside another, as in a bomb that quotes headers.
    const within = zipOf([entry("a/1.jpg"), entry("a/2.jpg")]);
    const at = within.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    within.writeUInt32LE(within.readUInt32LE(at + 20) + 40, at + 20);
    await expect(unpack(within)).rejects.toThrow("its entries overlap");
  });

  it.each(["../evil.jpg", "a/../../evil.jpg", "..\\evil.jpg", "a\\..\\..\\evil.jpg"])(
    "with %j is refused",
    async (name) => {
      await expect(unpack(zipOf([entry("a/1.jpg"), entry(name)]))).rejects.toThrow(
        /refused: the path .* leads out of it/,
      );
    },
  );

  it.each(["/etc/evil.jpg", "C:/evil.jpg", "c:evil.jpg", "\\\\host\\share\\evil.jpg"])(
    "with %j is refused",
    async (name) => {
      await expect(unpack(zipOf([entry("a/1.jpg"), entry(name)]))).rejects.toThrow("it holds the absolute path");
    },
  );

  it("with links and devices: they are skipped with a note", async () => {
    const { files, faults } = await unpack(
      zipOf([
        entry("a/link.jpg", { data: Buffer.from("/etc/passwd"), mode: 0o120777 }),
        entry("a/pipe.jpg", { mode: 0o010644 }),
        entry("a/1.jpg", { mode: 0o100644 }),
      ]),
    );
    expect(files).toEqual(["a/1.jpg"]);
    expect(faults).toEqual(["a/link.jpg: a link", "a/pipe.jpg: neither a file nor a folder"]);
  });

  it("that is encrypted is refused; an unsupported method is a fault of the file", async () => {
    await expect(unpack(zipOf([entry("a/1.jpg", { flags: 0x0801 })]))).rejects.toThrow("encrypted, unpack it first");
    const { files, faults } = await unpack(zipOf([entry("a/1.jpg", { method: 14 }), entry("a/2.jpg")]));
    expect(files).toEqual(["a/2.jpg"]);
    expect(faults).toEqual(["a/1.jpg: compressed with an unsupported method (14)"]);
  });

  it("with the same name twice: the first is used", async () => {
    const { faults, folder } = await unpack(
      zipOf([entry("a/1.jpg"), entry("a/1.jpg", { data: Buffer.from("other") }), entry("a//./1.jpg")]),
    );
    const reason = "another entry of the archive has the same name: the first is used";
    expect(faults).toEqual([`a/1.jpg: ${reason}`, `a/1.jpg: ${reason}`]);
    expect(readFileSync(join(folder, "a/1.jpg"), "utf8")).toBe(String(image));
  });

  it("with a file in the place of a folder: that is a fault of the entry", async () => {
    const { files, faults } = await unpack(zipOf([entry("a"), entry("a/1.jpg"), entry("b/2.jpg"), entry("b")]));
    expect(files).toEqual(["a", "b/2.jpg"]);
    expect(faults.map((fault) => fault.split(":")[0])).toEqual(["a/1.jpg", "b"]);
  });

  it("with names in UTF-8, with and without the flag, and in the code page of MS-DOS", async () => {
    const { files } = await unpack(
      zipOf([
        entry("ä/1.jpg"),
        entry("ö/2.jpg", { flags: 0 }),
        entry(Buffer.from([0x81, 0x2f, 0x33, 0x2e, 0x6a, 0x70, 0x67]), { flags: 0 }),
        entry(Buffer.from([0x81, 0x2f, 0x34, 0x2e, 0x6a, 0x70, 0x67])),
      ]),
    );
    expect(files).toEqual(["ä/1.jpg", "ö/2.jpg", "ü/3.jpg", "ü/4.jpg"]);
  });

  it("with names that no file can have: they are skipped", async () => {
    const { files, faults } = await unpack(
      zipOf([entry("a/\u0007.jpg"), entry("a/x\0y.jpg"), entry(`${"n".repeat(300)}/1.jpg`), entry("a/1.jpg")]),
    );
    expect(files).toEqual(["a/1.jpg"]);
    expect(faults.map((fault) => fault.split(": ").at(-1))).toEqual([
      "its name has a control character",
      "its name has a control character",
      "its name is too long",
    ]);
  });

  it("keeps only the names of other files, unless they are images; litter is not unpacked", async () => {
    const { files, folder, faults } = await unpack(
      zipOf([
        entry("a/1.jpg"),
        entry("a/notes.txt"),
        entry("a/photo.txt", { data: jpeg }),
        entry("a/inner.zip", { data: zipOf([entry("x.jpg")]) }),
        entry("labels.csv"),
        entry("__MACOSX/a/._1.jpg"),
        entry("__MACOSX/a/._2.jpg"),
        entry("a/.DS_Store"),
        entry("empty/", { data: Buffer.alloc(0) }),
      ]),
    );
    expect(faults).toEqual([]);
    expect(files).toEqual(["a/.DS_Store", "a/1.jpg", "a/inner.zip", "a/notes.txt", "a/photo.txt", "labels.csv"]);
    const size = (path: string): number => statSync(join(folder, path)).size;
    expect(["a/notes.txt", "a/photo.txt", "a/inner.zip", "labels.csv", "a/.DS_Store"].map(size)).toEqual([
      0,
      jpeg.length,
      0,
      image.length,
      0,
    ]);
    expect(readdirSync(join(folder, "__MACOSX"))).toEqual([]);
    expect(readdirSync(join(folder, "empty"))).toEqual([]);
  });

  it("that is cut off, empty or not a zip is refused", async () => {
    const whole = zipOf([entry("a/1.jpg", { data: Buffer.alloc(1000, 7) })]);
    await expect(unpack(whole.subarray(0, 60))).rejects.toThrow("not a readable zip file");
    await expect(unpack(Buffer.concat([whole.subarray(20), Buffer.alloc(0)]))).rejects.toThrow();
    expect((await unpack(zipOf([]))).files).toEqual([]);
  });
});

describe("a tar", () => {
  const file = (path: string, more: Partial<TestEntry> = {}): TestEntry => ({ path, content: image, ...more });

  it("is read plain and gzipped; links, devices and pipes are skipped with a note", async () => {
    const entries = [
      file("./", { type: "Directory", content: "" }),
      file("./cat/1.jpg"),
      file("cat/link.jpg", { type: "SymbolicLink", linkpath: "/etc/passwd", content: "" }),
      file("cat/hard.jpg", { type: "Link", linkpath: "cat/1.jpg", content: "" }),
      file("cat/null", { type: "CharacterDevice", content: "" }),
      file("cat/disk", { type: "BlockDevice", content: "" }),
      file("cat/pipe", { type: "FIFO", content: "" }),
      file("cat/notes.txt"),
      file("cat/2.jpg"),
      file("cat/1.jpg"),
      file("empty/", { type: "Directory", content: "" }),
    ];
    for (const bytes of [tarOf(entries), tarballOf(entries)]) {
      const { files, faults, folder } = await unpack(bytes);
      expect(files).toEqual(["cat/1.jpg", "cat/2.jpg", "cat/notes.txt"]);
      expect(faults).toEqual([
        "cat/link.jpg: a link",
        "cat/hard.jpg: a link",
        "cat/null: a device",
        "cat/disk: a device",
        "cat/pipe: a pipe",
        "cat/1.jpg: another entry of the archive has the same name: the first is used",
      ]);
      expect(readFileSync(join(folder, "cat/2.jpg")).equals(image)).toBe(true);
      expect(existsSync(join(folder, "empty"))).toBe(true);
    }
  });

  it("with large files after skipped ones", async () => {
    const large = Buffer.alloc(3_000_000, "large");
    const { files, folder } = await unpack(
      tarOf([
        file("a/movie.mp4", { content: large }),
        file("a/1.jpg", { content: large }),
        file("a/.x", { content: large }),
      ]),
    );
    expect(files).toEqual(["a/.x", "a/1.jpg", "a/movie.mp4"]);
    expect(readFileSync(join(folder, "a/1.jpg")).equals(large)).toBe(true);
    expect(statSync(join(folder, "a/movie.mp4")).size).toBe(0);
  });

  it.each([
    ["../evil.jpg", "leads out"],
    ["a/../../evil.jpg", "leads out"],
    ["/etc/evil.jpg", "absolute"],
  ])("with %j is refused", async (path, says) => {
    await expect(unpack(tarOf([file("a/1.jpg"), file(path)]))).rejects.toThrow(says);
  });

  it("that is cut off or damaged is refused, because the rest is unknown", async () => {
    const whole = tarballOf([file("a/1.jpg", { content: Buffer.alloc(100_000, "x1y2") }), file("a/2.jpg")]);
    await expect(unpack(whole.subarray(0, whole.length - 30))).rejects.toThrow("damaged or cut off");
    const plain = tarOf([file("a/1.jpg", { content: Buffer.alloc(5000) }), file("a/2.jpg")]);
    await expect(unpack(plain.subarray(0, 3000))).rejects.toThrow("damaged or cut off");
    const spoilt = Buffer.from(plain);
    spoilt[512 + 5120 + 20]! ^= 1;
    await expect(unpack(spoilt)).rejects.toThrow("damaged or cut off");
    await expect(unpack(gzipSync(Buffer.from("not a tar at all")))).rejects.toThrow("damaged or cut off");
  });

  it("that is compressed twice is refused before it is decompressed again", async () => {
    await expect(unpack(gzipSync(tarballOf([file("a/1.jpg")])))).rejects.toThrow("compressed twice");
  });

  it("with long names by PAX headers; an endless header is skipped", async () => {
    const pax = (path: string): string => {
      const body = ` path=${path}\n`;
      const length = body.length + String(body.length + 3).length;
      return `${length}${body}`;
    };
    const long = `a/${"long-".repeat(30)}1.jpg`;
    const header = (content: string): TestEntry => ({ path: "PaxHeader", content, type: "ExtendedHeader" as never });
    expect((await unpack(tarOf([header(pax(long)), file("a/short.jpg")]))).files).toEqual([long]);
    const bomb = pax(`a/${"x".repeat(3_000_000)}.jpg`);
    expect((await unpack(tarOf([header(bomb), file("a/short.jpg")]))).files).toEqual(["a/short.jpg"]);
  });
});

describe("bounds", () => {
  const small = { entries: 3, bytes: 10_000, ratio: 10, smallBytes: 2000 };
  const zeros = (count: number, bytes: number): ZipEntry[] =>
    Array.from({ length: count }, (_, i) => entry(`a/${i}.bmp`, { data: Buffer.alloc(bytes, i) }));
  const tarred = (entries: readonly ZipEntry[]): Buffer =>
    tarballOf(entries.map(({ name, data }) => ({ path: String(name), content: data })));

  it.each([
    ["zip", zipOf],
    ["tar.gz", tarred],
  ] as const)("of a %s: files, bytes, and bytes to those of the archive", async (_, pack) => {
    await expect(unpack(pack(zeros(4, 10)), { ...small, smallBytes: 20_000 })).rejects.toThrow(
      "it holds more than 3 files",
    );
    await expect(unpack(pack(zeros(1, 7000)), small)).rejects.toThrow("unpacked it has more than 10 times its size");
    await expect(unpack(pack(zeros(2, 9000)), { ...small, ratio: 1e6 })).rejects.toThrow(
      "unpacked it has more than 0 GiB",
    );
    expect((await unpack(pack(zeros(2, 100)), { ...small, smallBytes: 20_000 })).files).toHaveLength(2);
  });

  it("a gzip bomb of 40 MB in 40 kB is stopped early", async () => {
    const bomb = tarballOf([{ path: "a/bomb.bmp", content: Buffer.alloc(40 * 2 ** 20) }]);
    expect(bomb.length).toBeLessThan(60_000);
    await expect(unpack(bomb)).rejects.toThrow("more than 100 times its size");
  });

  it("a bomb of overlapping entries is refused before a byte is unpacked", async () => {
    const data = Buffer.alloc(100_000);
    const entries = Array.from({ length: 100 }, (_, i) =>
      entry(`c/${i}.bmp`, { data, ...(i > 0 ? { shares: 0 } : {}) }),
    );
    await expect(unpack(zipOf(entries))).rejects.toThrow("its entries overlap");
  });
});

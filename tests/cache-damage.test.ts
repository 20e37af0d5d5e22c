/** With damaged files in the cache: the same result or an error, never another result. Offline: an error that names the file. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createRandom } from "../src/base/random.ts";
import { temporaryFolder } from "./support/cli.ts";
import { damageAll, type Subject } from "./support/damage.ts";
import { openSubjects, type Subjects } from "./support/damage-subjects.ts";
import { heardNotices } from "./support/notices.ts";

const work = temporaryFolder();
const notices = heardNotices();
/** All notices of earlier tests. */
const earlier: string[] = [];
afterEach(() => void earlier.push(...notices));
let opened: Subjects;
beforeAll(async () => {
  opened = await openSubjects(work);
});
afterAll(() => opened.close());
const subject = (kind: string): Subject => opened.subjects.find((one) => one.kind === kind)!;

describe("ten flipped bits, and other damage, in every file of", () => {
  test.each([
    "features",
    "boundary",
    "traits",
    "networks",
    "npm",
    "huggingface",
    "speeds",
    "costs",
    "thumbnails",
    "checkpoints",
  ])(
    "%s",
    async (kind) => {
      const report = await damageAll(subject(kind), 10, createRandom(Number(process.env.GRAFT_TEST_SEED ?? 5)));
      expect(report.faults).toEqual([]);
      expect(report.tried).toBeGreaterThanOrEqual(17);
    },
    // Some train a few times for each damage.
    400_000,
  );
});

/** The files below a folder of the cache that end so. */
const filesIn = (folder: string, ending: string): string[] =>
  (readdirSync(join(work, "cache", folder), { recursive: true }) as string[])
    .filter((path) => path.endsWith(ending))
    .map((path) => join(work, "cache", folder, path));

function flip(path: string): void {
  const bytes = readFileSync(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(path, bytes);
}

describe("damage", () => {
  test.each([
    ["features", "features", ".records", / damaged records? in the cache .*: computed again\.$/],
    ["features", "features", "cut.json", /cut\.json\) was damaged: it is made again\.$/],
    ["networks", "networks", ".onnx", /\.onnx in the cache was damaged; converting net again\.$/],
    ["npm", "npm", ".tflite", /model\.tflite was damaged: net@1\.0\.0 is fetched again\.$/],
    [
      "huggingface",
      "huggingface/blobs",
      ".safetensors",
      /\.safetensors in the cache was damaged: it is fetched again\.$/,
    ],
    ["huggingface", "huggingface/blobs", ".json", /\.json in the cache was damaged: it is fetched again\.$/],
    ["speeds", "speeds", ".json", /^The stored speeds of networks \(.*\) was damaged: it is made again\.$/],
  ])("in %s (%s/…%s) is reported in one line, and the result is the same", async (kind, folder, ending, sentence) => {
    const { use } = subject(kind);
    const expected = await use();
    notices.splice(0);
    flip(filesIn(folder, ending)[0]!);
    expect(await use()).toBe(expected);
    // A process reports the same problem of the same file once.
    expect(notices.filter((text) => sentence.test(text)).length).toBeLessThanOrEqual(1);
    expect([...earlier, ...notices].some((text) => sentence.test(text))).toBe(true);
    notices.splice(0);
    expect(await use()).toBe(expected);
    expect(notices).toEqual([]);
  });

  test("that cannot be made good offline is an error that names the file", async () => {
    const [converted] = filesIn("networks", ".onnx");
    const [fetched] = filesIn("npm", "model.tflite");
    const [weights] = filesIn("huggingface/blobs", ".safetensors");
    flip(converted!);
    const network = await opened.openConverted(true);
    flip(converted!);
    flip(fetched!);
    await expect(opened.openConverted(true)).rejects.toMatchObject({ code: "cache-damaged" });
    await expect(opened.openConverted(true)).rejects.toThrow(
      `${converted} in the cache is damaged and cannot be converted again`,
    );
    await expect(opened.openConverted(true)).rejects.toThrow(fetched!);
    flip(weights!);
    await expect(opened.openFromHub(true)).rejects.toMatchObject({ code: "cache-damaged" });
    await expect(opened.openFromHub(true)).rejects.toThrow(`${weights} in the cache is damaged`);
    expect((await opened.openConverted()).sha256).toBe(network.sha256);
    await opened.openFromHub();
    await opened.openFromHub(true);
  });

  test("by which other weights of the same shape come into the file is no way to other features", async () => {
    const [weights] = filesIn("huggingface/blobs", ".safetensors");
    const whole = await opened.openFromHub();
    const bytes = readFileSync(weights!);
    // Still a valid file, with one weight changed.
    bytes[bytes.length - 2] = bytes[bytes.length - 2]! ^ 0x40;
    writeFileSync(weights!, bytes);
    const again = await opened.openFromHub();
    expect(again.sha256).toBe(whole.sha256);
    for (const [name, tensor] of whole.model.graph.initializers)
      expect(Buffer.compare(again.model.graph.initializers.get(name)!.bytes, tensor.bytes), name).toBe(0);
  });
});

/**
 * Bench `decode`: what decoding takes, by format: the peak of a process' memory for each pixel beside what is estimated, and the
 * time. The estimates are in src/data/image/image-header.ts. Each file is decoded in a process of its own; only Linux tells the peak.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { flat } from "../tests/support/costly.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { numberAt, runJson } from "./support/run.ts";
import { ROOT } from "./support/shared.ts";
import { printTable } from "./support/table.ts";

const variants = [
  ["JPEG", "jpeg", {}],
  ["JPEG, progressive", "jpeg", { progressive: true }],
  ["JPEG, progressive, 4:4:4", "jpeg", { progressive: true, chromaSubsampling: "4:4:4" }],
  ["PNG", "png", {}],
  ["PNG, interlaced", "png", { progressive: true }],
  ["WebP", "webp", {}],
  ["GIF", "gif", {}],
  ["TIFF", "tiff", { compression: "deflate" }],
  ["AVIF", "avif", {}],
  ["AVIF, 10 bits", "avif", { bitdepth: 10 }],
] as const;

/** Measures and prints. */
export async function benchDecode(given: readonly string[]): Promise<void> {
  const { side } = readFlags(given, { side: 5000 });
  console.log(`decode: ${side} × ${side} pixels of one colour, one file to a process`);
  console.log(machine());
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  const rows = [["", "file", "peak", "estimate", "bytes a pixel", "seconds"]];
  try {
    for (const [name, format, options] of variants) {
      const bytes = await flat(side, side, format, options);
      const file = join(folder, "image");
      await writeFile(file, bytes);
      const child = join(ROOT, "tests", "support", "decode-child.ts");
      const { json } = await runJson(process.execPath, ["--import", "tsx", child, "1e12", file]);
      const [peak, estimated] = [numberAt(json, "peak"), numberAt(json, "estimated")];
      const megabytes = (value: number): string => `${Math.round(value / 1e6)} MB`;
      rows.push([
        name,
        `${(bytes.length / 1e3).toFixed(1)} kB`,
        megabytes(peak),
        megabytes(estimated),
        (peak / side ** 2).toFixed(1),
        numberAt(json, "seconds").toFixed(2),
      ]);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  printTable("Decoding to upright RGB", rows);
}

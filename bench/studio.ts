/**
 * The studio with many images: the page's memory and the smoothness of scrolling with 10,000, and the seconds that adding
 * 1,000 and training on them take. In the system's Chromium, without a graphics card.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnStudio } from "../src/studio/testing.ts";
import { openPage } from "./studio/page.ts";
import { writePhotos } from "./studio/photos.ts";
import { readFlags } from "./support/flags.ts";
import { printTable } from "./support/table.ts";

export async function benchStudio(given: readonly string[]): Promise<void> {
  const flags = readFlags(given, { pictures: 10_000, added: 1000, network: "resnet50", seconds: 20 });
  const work = mkdtempSync(join(tmpdir(), "graft-bench-studio-"));
  const project = join(work, "project");
  // Two classes: one with nearly all, so that one list is as long as can be.
  await writePhotos(join(project, "many"), flags.pictures, 1);
  await writePhotos(join(project, "few"), 100, 2);
  const more = join(work, "more");
  await writePhotos(more, flags.added, 3);
  const studio = await spawnStudio(project, [], { GRAFT_CACHE: join(work, "cache") });
  const page = await openPage(studio.link);
  try {
    const scrolled = await page.scroll("many", flags.seconds);
    printTable(`${flags.pictures} pictures in one list, ${flags.seconds} s of scrolling through it`, [
      ["what", "figure"],
      ["seconds until the first thumbnails", scrolled.firstSeconds.toFixed(2)],
      ["tiles in the document", String(scrolled.tiles)],
      ["memory of the page's process, before (MB, proportional set)", scrolled.memoryBefore.toFixed(0)],
      ["the same after scrolling", scrolled.memoryAfter.toFixed(0)],
      ["JavaScript heap after (MB)", scrolled.heap.toFixed(1)],
      ["frames", String(scrolled.frames.length)],
      ["ms between frames: median, p95, p99, longest", quantiles(scrolled.frames)],
      [
        "share of frames later than 50 ms",
        `${((100 * scrolled.frames.filter((ms) => ms > 50).length) / scrolled.frames.length).toFixed(1)}%`,
      ],
      ["tiles in sight without their thumbnail at the end, after 1 s", String(scrolled.blank)],
    ]);
    const addSeconds = await page.add("few", more, flags.added);
    printTable(`Adding ${flags.added} pictures through the page`, [
      ["what", "figure"],
      ["seconds", addSeconds.toFixed(1)],
      ["pictures/s", (flags.added / addSeconds).toFixed(0)],
    ]);
  } finally {
    await page.close();
    await studio.kill();
  }

  const small = join(work, "small");
  await writePhotos(join(small, "one"), flags.added / 2, 4);
  await writePhotos(join(small, "two"), flags.added / 2, 5);
  const second = await spawnStudio(small, [], {});
  const trainer = await openPage(second.link);
  try {
    const first = await trainer.train(flags.network);
    const again = await trainer.train(flags.network);
    printTable(`Training a head of ${flags.network} on ${flags.added} pictures, from the click to the result`, [
      ["features", "seconds"],
      ["computed", first.toFixed(1)],
      ["from the cache", again.toFixed(1)],
    ]);
  } finally {
    await trainer.close();
    await second.kill();
    rmSync(work, { recursive: true, force: true });
  }
}

function quantiles(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return [0.5, 0.95, 0.99, 1]
    .map((share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(1))
    .join(", ");
}

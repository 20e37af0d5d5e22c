/** The blood cells as classes that overlap: of each photo whether its list counts no platelets, one, or several. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { shared } from "../support/shared.ts";

/** Writes a list of them into a folder. */
export async function bloodCells(folder: string): Promise<string> {
  const root = shared("datasets", "blood-cells");
  const [, ...lines] = (await readFile(join(root, "counts.csv"), "utf8")).trim().split("\n");
  const rows = lines.map((line) => {
    const [path, , , platelets] = line.split(",");
    const count = Number(platelets);
    return `${join(root, path!)},${count === 0 ? "none" : count === 1 ? "one" : "several"}`;
  });
  const list = join(folder, "blood-cells.csv");
  await writeFile(list, `path,label\n${rows.join("\n")}\n`);
  return list;
}

/** Whether the segments of a folder of records are as they were written, and keeping what is whole of those that are not. */
import { closeSync, openSync, rmSync } from "node:fs";
import { codeOf } from "../../base/errors.ts";
import { mergeSegments } from "./merge-segments.ts";
import { recordSizeIn, type SegmentFile, scanSegment, segmentsIn } from "./segments.ts";

/** The segments that are not as they were written, with what is wrong, for the end of a sentence. */
export async function verifySegments(folder: string): Promise<{ path: string; problem: string }[]> {
  const damage: { path: string; problem: string }[] = [];
  for (const segment of await segmentsIn(folder).catch(() => [])) {
    const problem = problemIn(segment);
    if (problem !== undefined) damage.push({ path: segment.path, problem });
  }
  return damage;
}

function problemIn({ path, isFile }: SegmentFile): string | undefined {
  if (!isFile) return "it is no file";
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    // Another process merged it meanwhile.
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { isForeign, damaged, records } = scanSegment(file, undefined, () => {});
    if (isForeign) return "its beginning is not as it was written";
    if (damaged === 0) return undefined;
    return `${damaged} of ${damaged + records} records are not as they were written`;
  } finally {
    closeSync(file);
  }
}

/** Keeps the whole records of a segment that has damage; nobody may be writing to it. */
export async function dropDamaged(folder: string, path: string): Promise<void> {
  const size = recordSizeIn(path);
  if (size === undefined) rmSync(path, { recursive: true, force: true });
  else await mergeSegments(folder, size, [path]);
}

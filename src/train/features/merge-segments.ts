/** Many small segments into one: which, and how, while other processes read and write in the same folder. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../base/errors.ts";
import { tryLock, withLock } from "../../base/lock.ts";
import { partPath } from "../../base/parts.ts";
import { HEADER, headerOf, KEY, mergedSegmentName, type SegmentFile, scanSegment, segmentsIn } from "./segments.ts";

/** Up to so many segments are left as they are. */
const FEW = 8;
/** From so many on, a process waits for another one that is merging. */
const MANY = 64;
/** Larger ones are not copied again. */
const LARGEST = 256 << 20;

/**
 * Which segments to merge: nothing where there are few; else the smallest, and those that are not much larger than these
 * together, so that each record is copied a few times in its life and not once a run.
 */
export function segmentsToMerge(segments: readonly SegmentFile[]): SegmentFile[] {
  const closed = segments.filter(({ isLive, bytes }) => !isLive && bytes <= LARGEST).sort((a, b) => a.bytes - b.bytes);
  if (closed.length <= FEW) return [];
  let count = closed.length - FEW / 2;
  let bytes = closed.slice(0, count).reduce((sum, one) => sum + one.bytes, 0);
  while (count < closed.length && closed[count]!.bytes <= 2 * bytes) bytes += closed[count++]!.bytes;
  return closed.slice(0, count);
}

/**
 * Merges segments into one and removes them: whole records, each key once. Where somebody else is merging, nothing is done
 * (unless there are very many). Readers that have the old ones open keep them.
 *
 * @param size bytes of a record
 * @param chosen paths of segments that nobody writes to
 */
export async function mergeSegments(folder: string, size: number, chosen: readonly string[]): Promise<void> {
  const work = async (): Promise<void> => {
    const there = new Set((await segmentsIn(folder)).filter(({ isLive }) => !isLive).map(({ path }) => path));
    const sources = chosen.filter((path) => there.has(path));
    if (sources.length > 0) copyInto(folder, size, sources);
    for (const path of sources) rmSync(path, { recursive: true, force: true });
  };
  const lock = join(folder, "merge.lock");
  await (chosen.length >= MANY ? withLock(lock, { whenHeld: "wait" }, work) : tryLock(lock, work));
}

/** Writes the records of the sources into a new segment, which counts once it is whole on the disk. */
function copyInto(folder: string, size: number, sources: readonly string[]): void {
  const part = partPath(folder);
  const file = openSync(part, "wx");
  try {
    const seen = new Set<string>();
    let end = writeSync(file, headerOf(size), 0, HEADER, 0);
    for (const path of sources) {
      eachRecord(path, size, (record) => {
        const key = record.toString("latin1", 0, KEY);
        if (seen.has(key)) return;
        seen.add(key);
        for (let done = 0; done < record.length; )
          done += writeSync(file, record, done, record.length - done, end + done);
        end += record.length;
      });
    }
    fsyncSync(file);
    if (seen.size > 0) renameSync(part, join(folder, mergedSegmentName()));
  } finally {
    closeSync(file);
    rmSync(part, { force: true });
  }
}

function eachRecord(path: string, size: number, onRecord: (record: Buffer) => void): void {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  try {
    scanSegment(file, size, onRecord);
  } finally {
    closeSync(file);
  }
}

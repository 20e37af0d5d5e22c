/**
 * Pictures out of an archive that is handed in: unpacked within bounds into a folder of its own, arranged like any other folder, and
 * taken in one after the other.
 */
import { mkdir, rm } from "node:fs/promises";
import { dataError, GraftError, messageOf } from "../../base/errors.ts";
import type { OnProgress } from "../../base/progress.ts";
import { createMeter } from "../../base/progress.ts";
import { archiveKindOf } from "../../data/dataset/archive/kind.ts";
import type { ArchiveLimits } from "../../data/dataset/archive/limits.ts";
import { unpackArchive } from "../../data/dataset/archive/unpack.ts";
import { diskPath, diskTree } from "../../data/dataset/disk-tree.ts";
import { createSurvey } from "../../data/dataset/survey.ts";
import type { Imported, Received } from "../api.ts";
import { type ArrangeOptions, arrange, type Place } from "./arrange.ts";

/** The longest archive that is taken: 8 GiB. */
export const MAX_ARCHIVE_BYTES = 8 * 2 ** 30;

export interface ImportOptions extends ArrangeOptions {
  /** Takes a file of the unpacked archive in. */
  readonly adopt: (file: string, place: Place) => Promise<Received>;
  readonly onProgress?: OnProgress | undefined;
  readonly limits?: ArchiveLimits | undefined;
}

/**
 * Takes in every picture of a .zip, .tar or .tar.gz.
 *
 * @param path of the archive; it is unpacked beside it, and nothing is left there
 * @throws GraftError (`data`) where the archive is damaged, unsafe or too large; nothing was taken in then
 */
export async function importArchive(
  path: string,
  { adopt, onProgress, limits, ...options }: ImportOptions,
): Promise<Omit<Imported, "change"> & { readonly ids: readonly string[] }> {
  const kind = await archiveKindOf(path, "The file");
  if (kind === undefined) throw dataError("The file is not a supported archive. Use a .zip, .tar or .tar.gz.");
  const folder = `${path}.d`;
  await mkdir(folder);
  try {
    const { faults } = await unpackArchive(path, kind, folder, "The archive", { limits, onProgress });
    const survey = createSurvey(diskTree(folder, { called: "", contained: true }));
    const { places, skipped, notes } = await arrange(survey, options);
    const failed: { path: string; reason: string }[] = [];
    const ids: string[] = [];
    let known = 0;
    const meter = createMeter({ stage: "Taking in", unit: "files", total: places.length, onProgress });
    for (const place of places) {
      try {
        const received = await adopt(diskPath(folder, place.path), place);
        if (received.kind === "added") ids.push(received.id);
        else known++;
      } catch (error) {
        // A picture that cannot be read, or a name that no class can have; a full disk ends it.
        if (!(error instanceof GraftError) || error.kind === "work") throw error;
        failed.push({ path: place.path, reason: messageOf(error) });
      }
      meter.add();
    }
    const reasons = [...faults, ...skipped].map(({ path: entry, reason }) => ({ path: entry, reason }));
    return { added: ids.length, known, skipped: [...failed, ...reasons], notes, ids };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

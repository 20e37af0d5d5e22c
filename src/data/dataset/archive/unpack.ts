import { byName } from "../tree.ts";
import type { ArchiveKind } from "./kind.ts";
import type { UnpackOptions } from "./limits.ts";
import { archiveLimits } from "./limits.ts";
import { unpackTar } from "./tar.ts";
import { type ArchiveFault, createArchiveWriter, type WrittenFile } from "./writer.ts";
import { unpackZip } from "./zip.ts";

export interface Unpacked {
  /** What was written, by path; files that are neither images nor lists are empty. */
  readonly files: readonly WrittenFile[];
  readonly faults: readonly ArchiveFault[];
}

/**
 * Unpacks an archive into a folder that exists and is empty. Nothing is flushed: who keeps a file does that.
 *
 * @param called the archive at the beginning of a sentence, such as `The archive photos.zip`
 * @throws GraftError (`data`) where it is damaged, unsafe or too large; what was written until then is left
 */
export async function unpackArchive(
  path: string,
  kind: ArchiveKind,
  folder: string,
  called: string,
  { limits = archiveLimits, ...rest }: UnpackOptions = {},
): Promise<Unpacked> {
  const writer = createArchiveWriter(folder, called);
  const options = { limits, ...rest };
  if (kind === "zip") await unpackZip(path, writer, options);
  else await unpackTar(path, kind === "tar.gz", writer, options);
  return { files: [...writer.files].sort((a, b) => byName(a.path, b.path)), faults: writer.faults };
}

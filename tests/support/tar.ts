/** Tar archives made by hand, including hostile ones. */
import { gzipSync } from "node:zlib";
import { Header } from "tar";

/** One entry of a tarball; `size`, if given, is a false size. */
export interface TestEntry {
  readonly path: string;
  readonly content?: Uint8Array | string;
  readonly type?: "File" | "Directory" | "SymbolicLink" | "Link" | "CharacterDevice" | "BlockDevice" | "FIFO";
  readonly linkpath?: string;
  readonly size?: number;
}

/** A tar of the entries as they are, in order. */
export function tarOf(entries: readonly TestEntry[]): Buffer {
  const blocks = entries.flatMap(({ path, content = "", type = "File", linkpath, size }) => {
    const body = Buffer.from(content);
    const head = Buffer.alloc(512);
    new Header({ path, type, size: size ?? body.length, mode: 0o644, ...(linkpath ? { linkpath } : {}) }).encode(head);
    return [head, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** The same, gzipped. */
export const tarballOf = (entries: readonly TestEntry[]): Buffer => gzipSync(tarOf(entries));

/**
 * A file's bytes, from a hub to a `.part` file: what an earlier try left there is kept and only the rest asked for.
 * Whether the bytes are the right ones is for the caller to check before it trusts them.
 */
import { open } from "node:fs/promises";
import { GraftError } from "../../base/errors.ts";
import { writeFailure } from "../../base/files.ts";
import type { Meter } from "../../base/progress.ts";
import { resolveUrl } from "./address.ts";
import {
  type Attempt,
  announcementFailure,
  cutFault,
  PassingFault,
  redirectFailure,
  sizeFailure,
  statusFault,
} from "./failures.ts";
import { type Patience, persist } from "./patience.ts";
import { type Hop, hops } from "./request.ts";

export interface DownloadOptions {
  /** Where the bytes go; what is there already is taken for the file's beginning. */
  readonly part: string;
  /** Bytes in all, where known. */
  readonly size: number | undefined;
  readonly maxBytes: number;
  readonly patience: Patience;
  readonly onWait: (milliseconds: number, reason: string) => void;
  /** Makes the meter, once it is known how many bytes are there already. */
  readonly meter: (bytesBefore: number) => Meter;
}

/** Brings `part` to its full length and flushes it to the disk. On failure, what arrived stays there. */
export async function download(attempt: Attempt, options: DownloadOptions): Promise<void> {
  const { part, size, patience, onWait } = options;
  const file = await onDisk(part, () => open(part, "a+"));
  try {
    let length = await onDisk(part, async () => (await file.stat()).size);
    if (size !== undefined && length > size) {
      await onDisk(part, () => file.truncate(0));
      length = 0;
    }
    const meter = options.meter(length);
    let most = length;
    /** The validator of what is there, from the answer that began it. */
    let etag: string | undefined;
    if (size === undefined || length < size)
      await persist(patience, onWait, async (progressed) => {
        const hop = await answerOf(attempt, length, etag, patience.silence);
        if (hop.response.status === 200 && length > 0) {
          // The server does not resume: all of it comes again.
          await onDisk(part, () => file.truncate(0));
          length = 0;
          meter.set(0);
        }
        etag = strongEtag(hop.response);
        try {
          for await (const chunk of hop.chunks()) {
            if (length + chunk.length > (size ?? options.maxBytes)) throw tooMuch(attempt, size, options.maxBytes);
            await onDisk(part, () => file.appendFile(chunk));
            length += chunk.length;
            meter.set(length);
            if (length > most) progressed();
            most = Math.max(most, length);
          }
        } catch (error) {
          throw error instanceof PassingFault ? cutFault(attempt, hop.url, length, size) : error;
        }
        if (size !== undefined && length < size) throw cutFault(attempt, hop.url, length, size);
      });
    await onDisk(part, () => file.sync());
  } finally {
    await file.close();
  }
}

const tooMuch = (attempt: Attempt, size: number | undefined, limit: number): GraftError =>
  size === undefined
    ? sizeFailure(attempt, limit + 1, limit)
    : announcementFailure(attempt, `sends more than the ${size} bytes that it announced`);

/** The answer that carries the bytes from `from` on, or all of them. */
async function answerOf(attempt: Attempt, from: number, etag: string | undefined, silence: number): Promise<Hop> {
  const headers: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {};
  if (from > 0 && etag !== undefined) headers["if-range"] = etag;
  let last: Hop | undefined;
  for await (const hop of hops(resolveUrl(attempt.hub, attempt.of), attempt, { method: "GET", headers, silence })) {
    last = hop;
  }
  if (!last) throw new Error("A request yields at least one answer.");
  const { status, headers: answered } = last.response;
  if (status === 200) return last;
  if (status === 206 && new RegExp(`^bytes ${from}-\\d+/`).test(answered.get("content-range") ?? "")) return last;
  await last.response.body?.cancel().catch(() => {});
  if (status === 416) throw announcementFailure(attempt, "has fewer bytes than it announced");
  if (status === 206) throw announcementFailure(attempt, "sends another part than the one asked for");
  if (status >= 400) throw statusFault(last.response, last.url, attempt);
  throw redirectFailure(last.url, "to nowhere", attempt);
}

/** Only a strong validator says that bytes are the same (RFC 9110, 13.1.5). */
function strongEtag({ headers }: Response): string | undefined {
  const etag = headers.get("etag");
  return etag?.startsWith('"') ? etag : undefined;
}

/** Runs work on the disk; its errors become sentences. */
async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof GraftError || error instanceof PassingFault ? error : writeFailure(path, error);
  }
}

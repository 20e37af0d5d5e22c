/**
 * Downloads a file from a hub to a `.part` file. Keeps what an earlier attempt left there and requests only the rest.
 * The caller checks the content before trusting it.
 */
import { open } from "node:fs/promises";
import { GraftError } from "../../base/errors.ts";
import { writeFailure } from "../../base/files.ts";
import type { Meter } from "../../base/progress.ts";
import { resolveUrl } from "./address.ts";
import {
  type Attempt,
  cutFault,
  fileMetadataFailure,
  PassingFault,
  redirectFailure,
  sizeFailure,
  statusFault,
} from "./failures.ts";
import { type Hop, hops } from "./request.ts";
import { type RetryPolicy, withRetries } from "./retry-policy.ts";

export interface DownloadOptions {
  /** Where the bytes go; existing content counts as the start of the file. */
  readonly part: string;
  /** The size in bytes, if known. */
  readonly size: number | undefined;
  readonly maxBytes: number;
  readonly retryPolicy: RetryPolicy;
  readonly onWait: (milliseconds: number, reason: string) => void;
  /** Creates the meter, given how many bytes are there already. */
  readonly meter: (bytesBefore: number) => Meter;
}

/** Completes `part` and flushes it to the disk. After a failure, the bytes that arrived stay there. */
export async function download(attempt: Attempt, options: DownloadOptions): Promise<void> {
  const { part, size, retryPolicy, onWait } = options;
  const file = await onDisk(part, () => open(part, "a+"));
  try {
    let length = await onDisk(part, async () => (await file.stat()).size);
    if (size !== undefined && length > size) {
      await onDisk(part, () => file.truncate(0));
      length = 0;
    }
    const meter = options.meter(length);
    let most = length;
    /** The validator of the existing bytes, from the response that started the file. */
    let etag: string | undefined;
    if (size === undefined || length < size)
      await withRetries(retryPolicy, onWait, async (progressed) => {
        const hop = await responseWith(attempt, length, etag, retryPolicy.silenceMs);
        if (hop.response.status === 200 && length > 0) {
          // The server does not support ranges: it sends everything again.
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
    : fileMetadataFailure(attempt, `sends more than the ${size} bytes that it stated`);

/** The response with the bytes from `from` on, or with all of them. */
async function responseWith(attempt: Attempt, from: number, etag: string | undefined, silenceMs: number): Promise<Hop> {
  const headers: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {};
  if (from > 0 && etag !== undefined) headers["if-range"] = etag;
  let last: Hop | undefined;
  for await (const hop of hops(resolveUrl(attempt.hub, attempt.of), attempt, { method: "GET", headers, silenceMs })) {
    last = hop;
  }
  if (!last) throw new Error("A request has at least one response.");
  const { status, headers: answered } = last.response;
  if (status === 200) return last;
  if (status === 206 && new RegExp(`^bytes ${from}-\\d+/`).test(answered.get("content-range") ?? "")) return last;
  await last.response.body?.cancel().catch(() => {});
  if (status === 416) throw fileMetadataFailure(attempt, "has fewer bytes than it stated");
  if (status === 206) throw fileMetadataFailure(attempt, "sends a part other than the requested one");
  if (status >= 400) throw statusFault(last.response, last.url, attempt);
  throw redirectFailure(last.url, "without an address", attempt);
}

/** Only a strong validator guarantees that bytes are the same (RFC 9110, 13.1.5). */
function strongEtag({ headers }: Response): string | undefined {
  const etag = headers.get("etag");
  return etag?.startsWith('"') ? etag : undefined;
}

/** Runs work on the disk; turns its errors into sentences. */
async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof GraftError || error instanceof PassingFault ? error : writeFailure(path, error);
  }
}

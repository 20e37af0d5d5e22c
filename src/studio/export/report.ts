/**
 * The report of a run, to be looked at in the browser. A report may be anybody's HTML: the page's policy lets it run and fetch
 * nothing, and one with elements that Graft never writes is not shown at all, because browsers connect to a frame's address
 * before they ask the policy.
 */
import { dataError } from "../../base/errors.ts";
import { readPlain } from "../project/own-files.ts";

/** Bytes of a report that is shown. */
const MOST_BYTES = 256 * 2 ** 20;

/** A tag's name is never written with an entity, so its text is where the element is. */
const foreign =
  /<(?:applet|audio|base|embed|fencedframe|form|frame|frameset|iframe|link|math|object|portal|script|source|template|track|video)[\s/>]/i;

/** @throws GraftError (`data`) where there is no report, or not one that Graft wrote */
export async function readReport(path: string): Promise<Buffer> {
  const bytes = await readPlain(path, MOST_BYTES);
  if (!bytes) throw dataError("The training has no report: someone removed the file.");
  // The mark of UTF-16 would overrule the encoding that the answer names.
  const isUtf16 = (bytes[0] === 0xfe && bytes[1] === 0xff) || (bytes[0] === 0xff && bytes[1] === 0xfe);
  if (isUtf16 || foreign.test(bytes.toString("latin1")))
    throw dataError(
      "This report was not written by Graft, so the studio does not show it. Train again, or download the file and open it elsewhere.",
    );
  return bytes;
}

/** The bytes of a list → text: UTF-8, UTF-16 with or without a byte order mark, else Windows-1252. */

export interface DecodedText {
  /** Without a byte order mark. */
  readonly text: string;
  /** Set where the encoding is an assumption that people should know of. */
  readonly assumed: "Windows-1252" | undefined;
}

/** What is looked at to tell UTF-16 without a mark, in bytes. */
const PROBE = 1024;

/** Text of bytes; nothing where they are no text. */
export function decodeText(bytes: Uint8Array): DecodedText | undefined {
  const utf16 = utf16Of(bytes);
  if (utf16) return { text: withoutMark(new TextDecoder(utf16).decode(bytes)), assumed: undefined };
  // Spreadsheets and archives hold zeros; no 8-bit text does.
  if (bytes.includes(0)) return undefined;
  try {
    return { text: withoutMark(new TextDecoder("utf-8", { fatal: true }).decode(bytes)), assumed: undefined };
  } catch {
    return { text: new TextDecoder("windows-1252").decode(bytes), assumed: "Windows-1252" };
  }
}

const withoutMark = (text: string): string => text.replace(/^\ufeff/, "");

/** Latin text in UTF-16 has a zero in every other byte. */
function utf16Of(bytes: Uint8Array): "utf-16le" | "utf-16be" | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  const probe = bytes.subarray(0, PROBE);
  const zeros = [0, 0];
  for (const [i, byte] of probe.entries()) if (byte === 0) zeros[i % 2]!++;
  const [even, odd] = zeros as [number, number];
  if (odd > probe.length / 8 && even === 0) return "utf-16le";
  if (even > probe.length / 8 && odd === 0) return "utf-16be";
  return undefined;
}

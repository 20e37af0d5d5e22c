/** `application/json` → pictures: `{ "image": "…" }` or `{ "images": ["…", …] }`, base64 or `data:` URLs. */
import { Refusal } from "../../http/refusal.ts";
import { type SentPicture, tooMany } from "./pictures.ts";

const FORM = 'Send { "image": "BASE64" } or { "images": ["BASE64", …] }';

/** @throws Refusal (400) where the text is not of that form; (413) where it holds too many pictures */
export function picturesOfJson(body: Buffer, maxImages: number): readonly SentPicture[] {
  const texts = textsOf(parse(body));
  if (texts.length > maxImages) throw tooMany(maxImages);
  return texts.map((text, i) => ({ bytes: bytesOf(text, i) }));
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw new Refusal(400, `The body is not JSON. ${FORM}.`);
  }
}

function textsOf(value: unknown): readonly unknown[] {
  if (typeof value !== "object" || value === null) throw new Refusal(400, `${FORM}.`);
  const [[key, given] = [], ...more] = Object.entries(value);
  if (more.length === 0 && key === "image") return [given];
  if (more.length === 0 && key === "images" && Array.isArray(given)) return given;
  throw new Refusal(400, `${FORM}, and nothing else.`);
}

function bytesOf(text: unknown, index: number): Uint8Array {
  const base64 = typeof text === "string" ? text.replace(/^data:[^,]{0,100};base64,/, "") : undefined;
  if (base64 === undefined || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) {
    throw new Refusal(400, `Picture ${index} is not base64. ${FORM}.`);
  }
  return Buffer.from(base64, "base64");
}

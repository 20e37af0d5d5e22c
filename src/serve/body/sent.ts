/** An image as a request brought it, and the refusal of too many of them. Reading bodies is for the other files here. */
import { Refusal } from "../../http/refusal.ts";

export interface SentImage {
  /** The file name, if the request has one. */
  readonly name?: string | undefined;
  readonly bytes: Uint8Array;
}

/** More images than one request may hold. */
export const tooMany = (maxImages: number): Refusal =>
  new Refusal(413, `A request can have at most ${maxImages} images: send several requests.`);

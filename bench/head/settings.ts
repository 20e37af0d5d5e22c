/** What both halves of the bench `head` work on. */
import { shared } from "../support/shared.ts";

export interface Settings {
  /** A folder of the shared datasets. */
  readonly data: string;
  readonly repeat: number;
  /** For everything that is written; deleted at the end. */
  readonly folder: string;
  /** Whether the Python peer can run. */
  readonly withPeer: boolean;
}

export const NETWORK = shared("networks", "mobilenet_v2_100_224.onnx");

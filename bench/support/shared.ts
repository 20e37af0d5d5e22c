/** Where the benches find the shared networks, images and peers, beside the repository. */
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** The path of something in the shared folder. */
export const shared = (...parts: readonly string[]): string => join(ROOT, "..", "shared", ...parts);

export const SHARED_ABSENT =
  "Nothing was measured: the benches need ../shared (networks, datasets, peers) beside the repository, and it is absent.";

/** Whether all that the benches need is there. */
export const isSharedHere = (): boolean =>
  ["networks", "datasets", "peers"].every((folder) => existsSync(shared(folder)));

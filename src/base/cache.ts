/**
 * Where Graft's cache is: downloads, converted networks and computed features that the next run reuses.
 * Says nothing about what is in it; each owner defines the layout of its own folder.
 */
import { homedir } from "node:os";
import { posix, win32 } from "node:path";

/** What the location depends on. Default: this process. */
export interface Surroundings {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform | undefined;
  readonly home?: string | undefined;
}

/**
 * The cache folder. It holds only what can be fetched or computed again, so it may be deleted between runs.
 * `GRAFT_CACHE` if set, else `XDG_CACHE_HOME/graft`, else the platform's convention: `~/.cache/graft`,
 * `~/Library/Caches/graft` (macOS), `%LOCALAPPDATA%\graft\Cache` (Windows). The folder may not exist yet.
 */
export function cacheFolder({ env = process.env, platform = process.platform, home }: Surroundings = {}): string {
  const { resolve, isAbsolute } = platform === "win32" ? win32 : posix;
  if (env.GRAFT_CACHE) return resolve(env.GRAFT_CACHE);
  // The XDG base directory specification: a relative path is invalid and must be ignored.
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return resolve(env.XDG_CACHE_HOME, "graft");
  const own = home ?? homedir();
  if (platform === "darwin") return resolve(own, "Library", "Caches", "graft");
  if (platform === "win32") return resolve(env.LOCALAPPDATA || resolve(own, "AppData", "Local"), "graft", "Cache");
  return resolve(own, ".cache", "graft");
}

/**
 * Where Graft keeps what it fetched or converted, so that the next run need not do it again.
 * Only the place is named here; what lies in it, and how it is laid out, is each owner's matter.
 */
import { homedir } from "node:os";
import { posix, win32 } from "node:path";

/** What the place depends on; default: this process. */
export interface Surroundings {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform | undefined;
  readonly home?: string | undefined;
}

/**
 * The folder for everything that can be fetched or computed again; it may be deleted at any time between runs.
 * `GRAFT_CACHE` where set, else `XDG_CACHE_HOME/graft`, else the platform's custom: `~/.cache/graft`,
 * `~/Library/Caches/graft` (macOS), `%LOCALAPPDATA%\graft\Cache` (Windows). The folder need not exist yet.
 */
export function cacheFolder({ env = process.env, platform = process.platform, home }: Surroundings = {}): string {
  const { resolve, isAbsolute } = platform === "win32" ? win32 : posix;
  if (env.GRAFT_CACHE) return resolve(env.GRAFT_CACHE);
  // The XDG base directory specification: a relative path is invalid and to be ignored.
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return resolve(env.XDG_CACHE_HOME, "graft");
  const own = home ?? homedir();
  if (platform === "darwin") return resolve(own, "Library", "Caches", "graft");
  if (platform === "win32") return resolve(env.LOCALAPPDATA || resolve(own, "AppData", "Local"), "graft", "Cache");
  return resolve(own, ".cache", "graft");
}

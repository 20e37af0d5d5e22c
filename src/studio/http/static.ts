/** The page's own files, as `npm run build` left them: read once, served from memory. Nothing else on the disk is. */
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Context } from "hono";
import { workError } from "../../base/errors.ts";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

interface StaticFile {
  readonly bytes: Buffer;
  readonly type: string;
  /** Vite puts a hash into the names below `assets/`. */
  readonly isHashed: boolean;
}

export interface StaticFiles {
  serve(c: Context): Response | undefined;
}

/** Reads the built page in `folder`. */
export async function readStatic(folder: string): Promise<StaticFiles> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw workError("The studio's page has not been built: run `npm run build` first.", error);
  });
  const found = new Map<string, StaticFile>();
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const type = types[extname(entry.name)];
    const url = path.slice(folder.length).replaceAll("\\", "/");
    if (type) found.set(url, { bytes: await readFile(path), type, isHashed: url.startsWith("/assets/") });
  }
  return {
    serve(c) {
      const file = found.get(c.req.path === "/" ? "/index.html" : c.req.path);
      if (!file) return undefined;
      return c.body(new Uint8Array(file.bytes), 200, {
        "Content-Type": file.type,
        "Cache-Control": file.isHashed ? "max-age=31536000, immutable" : "no-cache",
      });
    },
  };
}

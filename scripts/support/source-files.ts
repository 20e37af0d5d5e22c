/** Which files `src/` has, and which of them only tests use; nothing is read. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const sourceFolder = fileURLToPath(new URL("../../src", import.meta.url));

export interface SourceFile {
  /** From `src/`, with slashes. */
  readonly path: string;
  /** Whether the build leaves it out (tsconfig.build.json). */
  readonly isOfTests: boolean;
}

export function sourceFiles(): SourceFile[] {
  const found = readdirSync(sourceFolder, { recursive: true, encoding: "utf8" }).map((path) =>
    path.replaceAll("\\", "/"),
  );
  const paths = found.filter((path) => path.endsWith(".ts")).sort();
  return paths.map((path) => ({ path, isOfTests: /\.test\.ts$|(^|\/)testing(-.+)?\.ts$/.test(path) }));
}

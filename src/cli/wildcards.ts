/**
 * Expands `*` and `?` in the arguments on Windows, whose shells leave that to the program. Elsewhere the shell has already expanded
 * them.
 */
import { readdirSync } from "node:fs";
import { join, parse } from "node:path";

const hasWildcard = (text: string): boolean => /[*?]/.test(text);

/** Replaces each pattern by the matching files and folders, sorted, as a shell does. A pattern without matches stays. */
export function withoutWildcards(args: readonly string[]): string[] {
  return args.flatMap((arg) => {
    if (arg.startsWith("-") || !hasWildcard(arg)) return [arg];
    const { root } = parse(arg);
    const steps = arg.slice(root.length).split(/[/\\]/);
    const found = steps.reduce<readonly string[]>(
      (folders, step) => folders.flatMap((at) => matches(at, step)),
      [root],
    );
    return found.length > 0 ? [...found].sort() : [arg];
  });
}

/** The matches of one path segment in a folder. Hidden names match only if the pattern also starts with a dot. */
function matches(folder: string, step: string): string[] {
  if (!hasWildcard(step)) return [join(folder, step)];
  const text = step
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  const pattern = new RegExp(`^${text}$`, "isu");
  return namesIn(folder || ".")
    .filter((name) => pattern.test(name) && (!name.startsWith(".") || step.startsWith(".")))
    .map((name) => join(folder, name));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // There is no such folder, so nothing matches.
  }
}

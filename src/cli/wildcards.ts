/**
 * `*` and `?` in the arguments, on Windows, whose shells leave them to the program. Elsewhere the shell has put the names in their
 * place already, and what is left of them was meant as it stands.
 */
import { readdirSync } from "node:fs";
import { join, parse } from "node:path";

const hasWildcard = (text: string): boolean => /[*?]/.test(text);

/** The arguments with the names in the place of each pattern that there are files or folders for, sorted, as a shell does it. */
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

/** What a step of a pattern stands for in a folder. Hidden names only where the pattern begins with a point too. */
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
    return []; // No folder: nothing is there for the pattern.
  }
}

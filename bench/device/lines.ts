/** Running a program that prints one JSON object a line, each as it arrives. */
import { spawn } from "node:child_process";

export type Line = Readonly<Record<string, unknown>>;

/**
 * Runs a program to its end; passes on its lines.
 *
 * @param patience seconds without a line after which it is killed: a lost card can hold a process for ever
 * @returns how it ended, if it failed
 */
export async function eachLine(
  program: string,
  args: readonly string[],
  take: (line: Line) => void,
  patience: number,
): Promise<string | undefined> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let [rest, said, isTimedOut] = ["", "", false];
  const kill = (): void => {
    isTimedOut = true;
    child.kill("SIGKILL");
  };
  let timer = setTimeout(kill, patience * 1000);
  child.stderr.on("data", (part: Buffer) => {
    said = (said + part.toString()).slice(-2000);
  });
  child.stdout.on("data", (part: Buffer) => {
    const lines = (rest + part.toString()).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line.startsWith("{")) take(JSON.parse(line) as Line);
    clearTimeout(timer);
    timer = setTimeout(kill, patience * 1000);
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((done, fail) =>
    child.on("error", fail).on("close", (...ended) => done(ended)),
  );
  clearTimeout(timer);
  if (code === 0) return undefined;
  return isTimedOut ? `killed after ${patience} s of silence` : `ended with ${code ?? signal}: ${said.trim()}`;
}

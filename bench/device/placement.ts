/**
 * On which provider ONNX Runtime puts the nodes of a graph, and how many copies between the card's memory and the processor's it adds:
 * read from what it says while a session is opened (it has no other way to tell, 1.30).
 */
import { spawn } from "node:child_process";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Placement {
  /** Nodes by provider. */
  readonly nodes: ReadonlyMap<string, number>;
  /** Operators that the processor takes over, with how many. */
  readonly fallen: ReadonlyMap<string, number>;
  /** Copies from the processor's memory to the card's, and back. */
  readonly copies: { readonly to: number; readonly from: number };
}

/** Runs a program that opens a session and reads what is said. Throws where it fails. */
export async function placementBy(program: string, args: readonly string[]): Promise<Placement> {
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  // Into a file: of what is written into a pipe faster than it is read, ONNX Runtime loses a part.
  const log = await open(join(folder, "log"), "w+");
  try {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", log.fd] });
    const code = await new Promise<number | null>((done, fail) => child.on("error", fail).on("close", done));
    const said = await readFile(join(folder, "log"), "utf8");
    const placement = readPlacement(said);
    if (placement.nodes.size === 0) throw new Error(`${args.join(" ")} ended with code ${code}: ${said.slice(-500)}`);
    return placement;
  } finally {
    await log.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Reads the verbose log of the opening of a session. */
export function readPlacement(said: string): Placement {
  const nodes = new Map<string, number>();
  const fallen = new Map<string, number>();
  let [to, from, provider] = [0, 0, ""];
  for (const line of said.split("\n")) {
    const placed = /placed on \[(\w+?)ExecutionProvider\]\. Number of nodes: (\d+)/.exec(line);
    if (placed) {
      provider = placed[1]!;
      nodes.set(provider, (nodes.get(provider) ?? 0) + Number(placed[2]));
      continue;
    }
    const one = /VerifyEachNodeIsAssignedToAnEp\]\s+(\w+) \(/.exec(line);
    if (one && provider === "CPU") fallen.set(one[1]!, (fallen.get(one[1]!) ?? 0) + 1);
    if (line.includes("Add MemcpyFromHost")) to++;
    if (line.includes("Add MemcpyToHost")) from++;
  }
  return { nodes, fallen, copies: { to, from } };
}

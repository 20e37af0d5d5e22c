/** Which kind of machine this is, for figures that hold on it alone: a cache may be shared by several. */
import { cpus } from "node:os";
import { sha256 } from "./files.ts";

/** The same on machines with the same processor and as many cores; may be part of a file's name. */
export function machineKey(): string {
  const cores = cpus();
  return sha256(`${cores[0]?.model}×${cores.length}`).slice(0, 16);
}

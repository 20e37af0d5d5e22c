/** The machine on which the figures were measured: printed above every table. */
import { cpus, loadavg, totalmem } from "node:os";

/** Processor, cores, memory, Node, and how busy the machine was when the bench began. */
export function machine(): string {
  const cores = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB`;
  const load = loadavg()[0]!;
  const busy = load > cores.length / 2 ? " (BUSY: repeat on a quiet machine before quoting)" : "";
  return `${cores.length} cores of ${cores[0]?.model.trim() ?? "an unknown processor"}, ${memory}, ${process.platform}-${process.arch}, Node ${process.versions.node}; load at the start ${load.toFixed(1)}${busy}`;
}

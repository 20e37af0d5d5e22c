/** What the first graphics card draws, in watts, as nvidia-smi tells while other processes are measured. */
import { spawn } from "node:child_process";

export interface PowerMeter {
  /** Mean watts between two moments in milliseconds since 1970; undefined if it was not read. */
  between(began: number, ended: number): number | undefined;
  stop(): void;
}

const EVERY_MS = 200;

/** Begins to read. Without nvidia-smi, nothing is ever known. */
export function powerMeter(): PowerMeter {
  const asked = ["--id=0", "--query-gpu=power.draw", "--format=csv,noheader,nounits", `--loop-ms=${EVERY_MS}`];
  const child = spawn("nvidia-smi", asked, { stdio: ["ignore", "pipe", "ignore"] });
  const read: { readonly at: number; readonly watts: number }[] = [];
  child.on("error", () => {});
  child.stdout.on("data", (part: Buffer) => {
    for (const line of part.toString().split("\n")) {
      const watts = Number.parseFloat(line);
      if (Number.isFinite(watts)) read.push({ at: Date.now(), watts });
    }
  });
  return {
    between(began, ended) {
      const own = read.filter(({ at }) => at >= began && at <= ended);
      return own.length === 0 ? undefined : own.reduce((sum, { watts }) => sum + watts, 0) / own.length;
    },
    stop: () => child.kill(),
  };
}

/** The figures of `device.ts` as tables. */
import { printTable } from "../support/table.ts";
import type { Line } from "./lines.ts";

/** Prints what there is. */
export function report(lines: readonly Line[]): void {
  const placed = lines.filter((line) => line.placed !== undefined);
  if (placed.length > 0)
    printTable("Where the nodes are: those that the processor takes over, and copies to the card and back", [
      ["network", "graph", "on the card", "taken over", "copies to", "back"],
      ...placed.map(({ network, placed: what, way, nodes, fallen, copies }) => [
        String(network),
        `${what} ${way}`.trim(),
        String((nodes as Record<string, number>).WebGpu ?? 0),
        Object.entries(fallen as Record<string, number>)
          .map(([op, count]) => `${count} ${op}`)
          .join(", ") || "none",
        String((copies as Record<string, number>).to),
        String((copies as Record<string, number>).from),
      ]),
    ]);
  const measured = lines.filter((line) => typeof line.images_per_second === "number");
  for (const network of new Set(measured.map((line) => line.network))) {
    const own = measured.filter((line) => line.network === network);
    const of = (side: string) => own.filter((line) => line.side === side);
    const peers = of("pytorch");
    const cpu = of("cpu");
    const rows = of("webgpu").map((line) => {
      const [what = "", batch = "", way = ""] = String(line.job).split(":");
      const twin = cpu.find(({ job }) => job === (way === "" ? line.job : `${what}:${batch}:trainer`));
      const peerJob = `${way === "" || what === "all" ? what : "last"}:${batch}`;
      const peer = (tf32: boolean) => best(peers.filter((one) => one.job === peerJob && one.tf32 === tf32));
      return [
        String(line.job),
        shown(line.images_per_second),
        shown(twin?.images_per_second),
        shown(peer(false)),
        shown(peer(true)),
        times(line.images_per_second, twin?.images_per_second),
        times(line.images_per_second, peer(false)),
        twin ? apart(line, twin).toExponential(0) : "",
        shown(line.watts),
      ];
    });
    const titles = [
      "",
      "card",
      "processor",
      "PyTorch fp32",
      "TF32",
      "card/processor",
      "card/PyTorch",
      "apart",
      "watts",
    ];
    printTable(`${network}: images/s; PyTorch's better layout; relative difference to the processor`, [
      titles,
      ...rows,
    ]);
  }
  for (const { network, job, card_ms, run_ms, programs, by_operator } of lines.filter((line) => line.by_operator)) {
    const operators = Object.entries(by_operator as Record<string, { readonly ms: number; readonly count: number }>);
    printTable(
      `${network} ${job}: a step's ${programs} programs take ${Number(card_ms).toFixed(1)} ms of the card, the run ${Number(run_ms).toFixed(1)} ms`,
      [["", "ms", "programs"], ...operators.map(([name, { ms, count }]) => [name, ms.toFixed(2), String(count)])],
    );
  }
}

const best = (lines: readonly Line[]): number | undefined => {
  const rates = lines.map(({ images_per_second: rate }) => Number(rate));
  return rates.length === 0 ? undefined : Math.max(...rates);
};

const shown = (value: unknown): string =>
  typeof value !== "number" ? "" : value >= 100 ? value.toFixed(0) : value.toPrecision(3);

const times = (over: unknown, under: unknown): string =>
  typeof over === "number" && typeof under === "number" ? `${(over / under).toPrecision(3)}×` : "";

/** ‖a − b‖ / ‖b‖ of the features of one image, or of the losses of the first steps. */
function apart(line: Line, twin: Line): number {
  const [own, other] = [line, twin].map(({ features, losses }) => (features ?? losses) as readonly number[]);
  const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm(own!.map((value, i) => value - other![i]!)) / norm(other!);
}

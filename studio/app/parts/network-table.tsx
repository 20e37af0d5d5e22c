/** The networks and what each costs: download, size, and time on this machine. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { NetworkRow } from "../../../src/studio/api.ts";
import { bytes, lastPart, timeLeft } from "../format.ts";
import { Scroll } from "./scroll.tsx";

export interface NetworkTableProps {
  readonly rows: readonly NetworkRow[];
  /** The number of images in the project. */
  readonly imageCount: number;
  readonly chosen: string;
  readonly onChoose: (name: string) => void;
}

interface Column {
  readonly name: string;
  readonly about: string;
  readonly cell: (row: NetworkRow) => string;
  /** The sort key of a row, smallest first. */
  readonly rank: (row: NetworkRow) => number;
}

type Seconds = (row: NetworkRow) => { readonly seconds: number; readonly isMeasured: boolean } | undefined;

const columnsOf = (seconds: Seconds): readonly Column[] => [
  {
    name: "Top-1",
    about: "published accuracy on the 50,000 validation images of ImageNet",
    cell: ({ top1 }) => (top1 === null ? "–" : `${top1.toFixed(1)}%`),
    rank: ({ top1 }) => -(top1 ?? 0),
  },
  {
    name: "Parameters",
    about: "number of weights, in millions; each takes four bytes of the model file",
    cell: ({ parameters }) => `${(parameters / 1e6).toFixed(1)} M`,
    rank: ({ parameters }) => parameters,
  },
  {
    name: "Compute",
    about: "multiply-adds per image, in billions",
    cell: ({ multiplyAdds }) => `${(multiplyAdds / 1e9).toPrecision(2)} G`,
    rank: ({ multiplyAdds }) => multiplyAdds,
  },
  {
    name: "Download",
    about: "size of the download",
    cell: ({ download, onDisk }) => (onDisk ? "on disk" : bytes(download)),
    rank: ({ download, onDisk }) => (onDisk ? 0 : download),
  },
  {
    name: "Your images",
    about: "time to compute features of this project's images the first time; later trainings use the cache",
    cell: (row) => {
      const found = seconds(row);
      return found === undefined
        ? "–"
        : `${found.isMeasured ? "" : "≈ "}${timeLeft(found.seconds).replace("about ", "")}`;
    },
    rank: (row) => seconds(row)?.seconds ?? Number.POSITIVE_INFINITY,
  },
];

/** The time from this machine's measured speed with the network; otherwise estimated from another network's multiply-adds per second. */
function secondsOf(rows: readonly NetworkRow[], imageCount: number): Seconds {
  const known = rows.find(({ imagesPerSecond }) => imagesPerSecond !== null);
  return ({ imagesPerSecond, multiplyAdds }) => {
    if (imagesPerSecond !== null) return { seconds: imageCount / imagesPerSecond, isMeasured: true };
    if (!known) return undefined;
    const speed = (known.imagesPerSecond! * known.multiplyAdds) / multiplyAdds;
    return { seconds: imageCount / speed, isMeasured: false };
  };
}

const sources = { all: "All networks", disk: "Downloaded", npm: "Without a model hub" } as const;
const isFrom: Readonly<Record<keyof typeof sources, (row: NetworkRow) => boolean>> = {
  all: () => true,
  disk: ({ onDisk }) => onDisk,
  npm: ({ source }) => !source.startsWith("hub:"),
};

export function NetworkTable({ rows, imageCount, chosen, onChoose }: NetworkTableProps): JSX.Element {
  const [order, setOrder] = useState<number | null>(null);
  const [from, setFrom] = useState<keyof typeof sources>("all");
  const columns = columnsOf(secondsOf(rows, imageCount));
  const shown = rows.filter((row) => isFrom[from](row) || row.name === chosen);
  const column = order === null ? undefined : columns[order];
  const sorted = column ? shown.toSorted((a, b) => column.rank(a) - column.rank(b)) : shown;
  return (
    <>
      <div class="table-tools">
        <label class="select">
          <span class="visually-hidden">Show networks</span>
          <select value={from} onChange={(event) => setFrom(event.currentTarget.value as keyof typeof sources)}>
            {Object.entries(sources).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <p class="muted small">
          ≈ means estimated from another network's speed. Networks that already ran on this machine are measured.
        </p>
      </div>
      <Scroll class="networks" label="Networks">
        <table>
          <thead>
            <tr>
              <th scope="col">Network</th>
              {columns.map(({ name, about }, i) => (
                <th key={name} scope="col" class="number" aria-sort={i === order ? "ascending" : "none"}>
                  <button type="button" class="quiet" title={about} onClick={() => setOrder(i === order ? null : i)}>
                    {name}
                    <span aria-hidden="true">{i === order ? " ↓" : ""}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.map((row) => (
              <tr key={row.name} class={row.name === chosen ? "chosen" : ""} onClick={() => onChoose(row.name)}>
                <th scope="row">
                  <label>
                    <input
                      type="radio"
                      name="network"
                      checked={row.name === chosen}
                      onChange={() => onChoose(row.name)}
                    />
                    <span>
                      <strong>{lastPart(row.name)}</strong>
                      <small>
                        {row.description} {row.inputSize} px, licence {row.licence}.
                      </small>
                    </span>
                  </label>
                </th>
                {columns.map(({ name, cell }) => (
                  <td key={name} class="number">
                    {cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}

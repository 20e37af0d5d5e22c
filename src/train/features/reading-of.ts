/** Which columns of a table are the features of which cut and view, where several were read in one pass. Knows no files. */
import type { Cut } from "../../zoo/backbone.ts";
import { columnsOf, meanOfTables, type RowTable } from "./table.ts";

/** What is read of each image: of all cuts in their order; then, where mirror images are read too, the same of those. */
export interface ReadCuts {
  readonly cuts: readonly Cut[];
  readonly mirrors: boolean;
}

/** How many columns that makes. */
export const columnsRead = ({ cuts, mirrors }: ReadCuts): number =>
  (mirrors ? 2 : 1) * cuts.reduce((sum, { shape }) => sum + shape.features, 0);

/** The features of one cut, averaged over both views where it says so, among all that were read. */
export function readingOf({ cuts }: ReadCuts, table: RowTable, { tensor, shape }: Cut): RowTable {
  const at = cuts.findIndex((cut) => cut.tensor === tensor);
  const widths = cuts.map((cut) => cut.shape.features);
  const sum = (upTo: number): number => widths.slice(0, upTo).reduce((total, width) => total + width, 0);
  const plain = columnsOf(table, sum(at), shape.features);
  if (shape.views !== "mirrored") return plain;
  return meanOfTables(plain, columnsOf(table, sum(widths.length) + sum(at), shape.features));
}

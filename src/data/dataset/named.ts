/** An image as a layout names it, before classes have numbers. */
import type { Split } from "./split-names.ts";

export interface Named {
  /** In the tree. */
  readonly path: string;
  readonly className: string;
  readonly split: Split | undefined;
  readonly group: string | undefined;
}

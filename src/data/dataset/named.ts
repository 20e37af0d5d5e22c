/** What a layout says of a tree: images with the names of their classes, before classes have numbers; nothing is read here. */

import type { Split } from "./split-names.ts";

/** A folder whose name is a class. */
export interface ClassFolder {
  readonly path: string;
  /** Composed (NFC): file systems differ in how they spell accents, the class is the same. */
  readonly name: string;
  readonly images: readonly Named[];
}

/** A folder that holds class folders. */
export interface Shelf {
  readonly folder: string;
  readonly split: Split | undefined;
}

export interface Layout {
  readonly kind: "class-folders" | "split-folders" | "manifest";
  readonly named: readonly Named[];
  /** Where class folders are; none where lists give the labels. */
  readonly shelves: readonly Shelf[];
  readonly classFolders: readonly ClassFolder[];
  /** Choices that people should know of, a sentence each. */
  readonly notes: readonly string[];
  /** The folder that was looked through, because it holds everything and only folders. */
  readonly wrapper: string | undefined;
  /** Why nothing can be learned from it as it is, with the remedy. */
  readonly obstacle: string | undefined;
}

export interface Named {
  /** In the tree. */
  readonly path: string;
  readonly className: string;
  readonly split: Split | undefined;
  readonly group: string | undefined;
}

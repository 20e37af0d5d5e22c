/** What a stand-alone page knows of its model. Types only: the page imports this file. */

/** What the page is told, as JSON in it. */
export interface StandaloneFacts {
  readonly title: string;
  readonly classes: readonly string[];
  readonly network: string;
  readonly accuracy: number;
  readonly interval: readonly [number, number];
  readonly testPictures: number;
  readonly modelBytes: number;
  readonly graft: string;
}

/** Files that are read now and then, of which only so many are open at a time: the least recently used one gives way. */
import { closeSync, openSync } from "node:fs";

/** More than this are not open at once. A process may have 256 where that is the system's custom, and other things open. */
const MOST = 12;

export class OpenFiles {
  private readonly paths: string[] = [];
  /** Descriptors by number, the least recently used first. */
  private readonly open = new Map<number, number>();

  /** Notes a file; what comes out is its number here. Nothing is opened yet. */
  add(path: string): number {
    return this.paths.push(path) - 1;
  }

  /** A descriptor of a file, valid until the next is asked for. Errors are the system's own. */
  descriptor(number: number): number {
    const known = this.open.get(number);
    if (known !== undefined && this.paths.length <= MOST) return known;
    this.open.delete(number);
    const descriptor = known ?? openSync(this.paths[number]!, "r");
    this.open.set(number, descriptor);
    if (this.open.size > MOST) {
      const [[oldest, unused]] = [...this.open] as [[number, number]];
      closeSync(unused);
      this.open.delete(oldest);
    }
    return descriptor;
  }

  path(number: number): string {
    return this.paths[number]!;
  }

  close(): void {
    for (const descriptor of this.open.values()) closeSync(descriptor);
    this.open.clear();
  }
}

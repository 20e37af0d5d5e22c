/**
 * Tensors in two layouts: pictures `[N, C, H, W]` and their layouts with channels last, `[N, H, W, C]`. Each layout is written
 * where somebody reads it, so that a row of layers with channels last is entered and left by one transposition each.
 */
import type { Node } from "../../graph/model.ts";
import { node } from "../../graph/model.ts";
import type { Ref } from "../build/builder.ts";
import type { Operations } from "../build/operations.ts";
import type { Shapes } from "../gradients.ts";

const TO_LAST = [0, 2, 3, 1];
const TO_FIRST = [0, 3, 1, 2];

/** The layouts of one graph's tensors. */
export class LayoutCache {
  readonly #build: Operations;
  readonly #shapes: Shapes;
  readonly #last = new Map<string, Ref>();
  /** Tensors that exist with channels last only, so far. */
  readonly #onlyLast = new Set<string>();

  constructor(build: Operations, shapes: Shapes) {
    this.#build = build;
    this.#shapes = shapes;
  }

  /** The tensor with channels last; transposed here where it was not yet. */
  last(tensor: string): Ref {
    const known = this.#last.get(tensor);
    if (known) return known;
    const made = this.#build.transpose({ name: tensor, ...this.#shapes.get(tensor)! }, TO_LAST);
    this.#last.set(tensor, made);
    return made;
  }

  /** Whether a tensor is to be had with channels last, and not otherwise. */
  isOnlyLast = (tensor: string): boolean => this.#onlyLast.has(tensor);

  /** Notes what was computed with channels last instead of a tensor. */
  computed(tensor: string, last: Ref): void {
    this.#last.set(tensor, last);
    this.#onlyLast.add(tensor);
  }

  /** The node that writes a tensor in its own layout, where it is not there yet. */
  first(tensor: string): Node[] {
    if (!this.#onlyLast.delete(tensor)) return [];
    return [node("Transpose", [this.#last.get(tensor)!.name], [tensor], { perm: TO_FIRST })];
  }
}

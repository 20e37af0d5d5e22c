/**
 * Tensors in two layouts: channels first `[N, C, H, W]` and channels last `[N, H, W, C]`. A layout is computed when it is first read,
 * so that a sequence of layers with channels last needs one transposition at each end.
 */
import type { Node } from "../../graph/model.ts";
import { node } from "../../graph/model.ts";
import type { Ref } from "../build/builder.ts";
import type { Operations } from "../build/operations.ts";
import type { Shapes } from "../gradients.ts";

const TO_LAST = [0, 2, 3, 1];
const TO_FIRST = [0, 3, 1, 2];

/** The layouts of the tensors of one graph. */
export class LayoutCache {
  readonly #build: Operations;
  readonly #shapes: Shapes;
  readonly #last = new Map<string, Ref>();
  /** Tensors that so far exist only with channels last. */
  readonly #onlyLast = new Set<string>();

  constructor(build: Operations, shapes: Shapes) {
    this.#build = build;
    this.#shapes = shapes;
  }

  /** The tensor with channels last; adds a transposition on first use. */
  last(tensor: string): Ref {
    const known = this.#last.get(tensor);
    if (known) return known;
    const made = this.#build.transpose({ name: tensor, ...this.#shapes.get(tensor)! }, TO_LAST);
    this.#last.set(tensor, made);
    return made;
  }

  /** Whether a tensor exists only with channels last. */
  isOnlyLast = (tensor: string): boolean => this.#onlyLast.has(tensor);

  /** Records the channels-last result that replaces a tensor. */
  computed(tensor: string, last: Ref): void {
    this.#last.set(tensor, last);
    this.#onlyLast.add(tensor);
  }

  /** The node that computes a tensor with channels first, if it does not exist yet. */
  first(tensor: string): Node[] {
    if (!this.#onlyLast.delete(tensor)) return [];
    return [node("Transpose", [this.#last.get(tensor)!.name], [tensor], { perm: TO_FIRST })];
  }
}

/**
 * A grid of any number of thumbnails; only the visible ones are in the document. Keyboard: arrows move, Space selects, Enter
 * opens, Delete removes, Ctrl+A selects all.
 */
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { lastPart } from "../format.ts";
import { Thumbnail } from "./thumbnail.tsx";

export interface GridProps {
  readonly ids: readonly string[];
  readonly chosen: ReadonlySet<string>;
  readonly onChosen: (chosen: ReadonlySet<string>) => void;
  readonly onOpen: (index: number) => void;
  readonly onRemove: () => void;
  readonly label: string;
}

/** The minimum side of a tile and the gap between tiles, in CSS pixels; narrow screens have smaller tiles. */
const tile = { wide: 116, narrow: 88, gap: 6, narrowBelow: 480 } as const;
/** Rows to render beyond the edges of the window. */
const MARGIN_ROWS = 2;

/** Scrolling is fast above this many screens per frame, and ends after so many milliseconds without movement. */
const FAR = 0.15;
const SETTLE = 120;

interface View {
  readonly columns: number;
  /** Side of a tile including its gap. */
  readonly pitch: number;
  readonly first: number;
  readonly last: number;
}

export function Grid({ ids, chosen, onChosen, onOpen, onRemove, label }: GridProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<View>({ columns: 1, pitch: tile.wide, first: 0, last: 0 });
  const [isFlying, setFlying] = useState(false);
  const [active, setActive] = useState(0);
  const anchor = useRef(0);

  useLayoutEffect(() => {
    let [before, timer] = [window.scrollY, 0];
    const fly = (): void => {
      // Fast scrolling: do not load the thumbnails that pass by.
      if (Math.abs(window.scrollY - before) > FAR * window.innerHeight) {
        setFlying(true);
        clearTimeout(timer);
        timer = window.setTimeout(() => setFlying(false), SETTLE);
      }
      before = window.scrollY;
      look();
    };
    const look = (): void => {
      if (box.current) setView((before) => same(before, viewOf(box.current!, ids.length)));
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(box.current!);
    window.addEventListener("scroll", fly, { passive: true });
    window.addEventListener("resize", look);
    return () => {
      observer.disconnect();
      window.removeEventListener("scroll", fly);
      clearTimeout(timer);
      window.removeEventListener("resize", look);
    };
  }, [ids.length]);

  const current = Math.min(active, ids.length - 1);
  const { columns, pitch, first, last } = view;
  const toggle = (index: number): void => {
    const next = new Set(chosen);
    if (!next.delete(ids[index]!)) next.add(ids[index]!);
    onChosen(next);
    anchor.current = index;
  };
  const extend = (to: number): void => {
    const [from, end] = [Math.min(anchor.current, to), Math.max(anchor.current, to)];
    onChosen(new Set([...chosen, ...ids.slice(from, end + 1)]));
  };
  const move = (to: number, isExtending: boolean): void => {
    const next = Math.min(ids.length - 1, Math.max(0, to));
    setActive(next);
    if (isExtending) extend(next);
    reveal(box.current!, Math.floor(next / columns) * pitch, pitch);
  };
  const page = Math.max(1, Math.floor(window.innerHeight / pitch) - 1) * columns;
  const moves: Readonly<Record<string, number>> = {
    ArrowRight: current + 1,
    ArrowLeft: current - 1,
    ArrowDown: current + columns,
    ArrowUp: current - columns,
    PageDown: current + page,
    PageUp: current - page,
    Home: 0,
    End: ids.length - 1,
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = moves[event.key];
    if (to !== undefined) move(to, event.shiftKey);
    else if (event.key === " ") toggle(current);
    else if (event.key === "Enter") onOpen(current);
    else if (event.key === "Delete" || event.key === "Backspace") onRemove();
    else if (event.key === "Escape") onChosen(new Set());
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) onChosen(new Set(ids));
    else return;
    event.preventDefault();
  };

  return (
    <div
      ref={box}
      class="grid"
      role="listbox"
      aria-multiselectable="true"
      aria-label={label}
      aria-activedescendant={current >= first && current < last ? `tile-${current}` : undefined}
      tabIndex={0}
      style={{ height: `${Math.ceil(ids.length / columns) * pitch}px` }}
      onKeyDown={onKeyDown}
    >
      {ids.slice(first, last).map((id, offset) => {
        const index = first + offset;
        const [row, column] = [Math.floor(index / columns), index % columns];
        return (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keyboard
          // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus
          <div
            key={id}
            id={`tile-${index}`}
            class={`tile ${index === current ? "current" : ""}`}
            role="option"
            aria-selected={chosen.has(id)}
            aria-posinset={index + 1}
            aria-setsize={ids.length}
            aria-label={lastPart(id)}
            style={{
              transform: `translate(${column * pitch}px, ${row * pitch}px)`,
              width: `${pitch - tile.gap}px`,
              height: `${pitch - tile.gap}px`,
            }}
            onClick={(event) => {
              setActive(index);
              if (event.shiftKey) extend(index);
              else toggle(index);
            }}
            onDblClick={() => onOpen(index)}
          >
            {isFlying ? null : (
              <Thumbnail id={id} alt="">
                cannot be read
              </Thumbnail>
            )}
            <span class="mark" aria-hidden="true">
              ✓
            </span>
          </div>
        );
      })}
    </div>
  );
}

/** The visible rows, from the position of the list in the window. */
function viewOf(box: HTMLElement, count: number): View {
  const { top, width } = box.getBoundingClientRect();
  const least = width < tile.narrowBelow ? tile.narrow : tile.wide;
  const columns = Math.max(1, Math.floor((width + tile.gap) / (least + tile.gap)));
  const pitch = (width + tile.gap) / columns;
  const firstRow = Math.floor(Math.max(0, -top) / pitch) - MARGIN_ROWS;
  const lastRow = Math.ceil((window.innerHeight - top) / pitch) + MARGIN_ROWS;
  const first = Math.min(count, Math.max(0, firstRow * columns));
  return { columns, pitch, first, last: Math.min(count, Math.max(first, lastRow * columns)) };
}

const same = (a: View, b: View): View =>
  a.columns === b.columns && a.pitch === b.pitch && a.first === b.first && a.last === b.last ? a : b;

/** Scrolls until the row at `offset` of the list is visible. */
function reveal(box: HTMLElement, offset: number, height: number): void {
  const top = box.getBoundingClientRect().top + offset;
  // Fixed bars at the window's edges cover part of it.
  const [above, below] = [72, window.innerHeight - 88];
  if (top < above) window.scrollBy({ top: top - above });
  else if (top + height > below) window.scrollBy({ top: top + height - below });
}

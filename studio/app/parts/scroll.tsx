/** A scrollable region for wide or long content. It can have the focus, so that keys scroll it too. */
import type { ComponentChildren, JSX } from "preact";

export interface ScrollProps {
  readonly label: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function Scroll({ label, class: more = "", children }: ScrollProps): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: keyboard users must be able to scroll it
    <section class={`scroll ${more}`} tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}

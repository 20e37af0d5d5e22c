/** A picture of the project. It is fetched with the session's key, which an address in `src` could not carry. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { server } from "../server.ts";

export interface PictureProps {
  readonly id: string;
  readonly size?: "tile" | "large";
  readonly alt: string;
  /** Shown where the picture cannot be had. */
  readonly children?: ComponentChildren;
}

/** What is being shown: the address within this page, or that there is none. */
type Shown = { readonly id: string; readonly url: string | null };

export function Picture({ id, size = "tile", alt, children }: PictureProps): JSX.Element {
  const [shown, setShown] = useState<Shown | undefined>(undefined);
  useEffect(() => {
    const controller = new AbortController();
    let url: string | null = null;
    server.thumbnail(id, size, controller.signal).then(
      (bytes) => {
        if (controller.signal.aborted) return;
        url = URL.createObjectURL(bytes);
        setShown({ id, url });
      },
      () => {
        if (!controller.signal.aborted) setShown({ id, url: null });
      },
    );
    return () => {
      controller.abort();
      if (url !== null) URL.revokeObjectURL(url);
    };
  }, [id, size]);
  const url = shown?.id === id ? shown.url : undefined;
  if (url === null) return <span class="broken">{children}</span>;
  return <img src={url} alt={alt} decoding="async" draggable={false} />;
}

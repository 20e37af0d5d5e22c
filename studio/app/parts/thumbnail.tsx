/** An image of the project, as a thumbnail or large. It is fetched with the session's key, which a `src` URL cannot send. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { server } from "../server.ts";

export interface ThumbnailProps {
  readonly id: string;
  readonly size?: "tile" | "large";
  readonly alt: string;
  /** Shown if the image is not available. */
  readonly children?: ComponentChildren;
}

/** The image on display: an object URL, or null if it is not available. */
type Shown = { readonly id: string; readonly url: string | null };

export function Thumbnail({ id, size = "tile", alt, children }: ThumbnailProps): JSX.Element {
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

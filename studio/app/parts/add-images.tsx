/** The ways to add images: files, a folder, an archive, the webcam. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { chosenOffers } from "../offers.ts";
import { send } from "../uploads.ts";
import { Webcam } from "./webcam.tsx";

/** The file types that the file dialog shows by default. */
const ACCEPT = "image/jpeg,image/png,image/webp,image/gif,image/avif,image/tiff,image/bmp,.zip,.tar,.tgz,.tar.gz";

export function AddImages({ className }: { readonly className: string | undefined }): JSX.Element {
  const [isRecording, setRecording] = useState(false);
  const take = (event: Event & { readonly currentTarget: HTMLInputElement }): void => {
    const input = event.currentTarget;
    void send(chosenOffers(input.files ?? []), className);
    input.value = "";
  };
  return (
    <div class="add">
      <FileButton primary accept={ACCEPT} onChange={take}>
        {className === undefined ? "Add a zip" : "Add images"}
      </FileButton>
      <FileButton folder onChange={take}>
        Add a folder
      </FileButton>
      {className === undefined ? null : (
        <button type="button" onClick={() => setRecording(true)}>
          Webcam
        </button>
      )}
      {className === undefined ? null : <p class="hint muted small">Or drop images, folders or a zip anywhere.</p>}
      {isRecording ? (
        <Webcam
          title={`Record images of “${className}”`}
          onShot={(file) => void send([{ file, path: file.name }], className)}
          onClose={() => setRecording(false)}
        />
      ) : null}
    </div>
  );
}

interface FileButtonProps {
  readonly primary?: boolean;
  readonly folder?: boolean;
  readonly accept?: string;
  readonly children: string;
  readonly onChange: (event: Event & { readonly currentTarget: HTMLInputElement }) => void;
}

/** A file input that looks like a button. The input itself has the focus and the accessible name. */
function FileButton({ primary = false, folder = false, accept, children, onChange }: FileButtonProps): JSX.Element {
  const more = folder ? { webkitdirectory: true } : {};
  return (
    <label class={`button ${primary ? "primary" : ""}`}>
      {children}
      <input
        type="file"
        class="visually-hidden"
        multiple
        {...(accept ? { accept } : {})}
        {...more}
        onChange={onChange}
      />
    </label>
  );
}

/** Pictures from the webcam: one at a time, or several a second while it records. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { plural } from "../words.ts";
import { Dialog } from "./dialog.tsx";

export interface WebcamProps {
  readonly title: string;
  readonly onShot: (picture: File) => void;
  readonly onClose: () => void;
}

/** Milliseconds between two pictures of a recording. */
const PAUSE = 250;

export function Webcam({ title, onShot, onClose }: WebcamProps): JSX.Element {
  const video = useRef<HTMLVideoElement>(null);
  const camera = useCamera(video);
  const [isRecording, setRecording] = useState(false);
  const [taken, setTaken] = useState(0);
  const shoot = async (): Promise<void> => {
    const picture = video.current && (await shot(video.current));
    if (!picture) return;
    onShot(picture);
    setTaken((before) => before + 1);
  };
  useEffect(() => {
    if (!isRecording) return;
    const timer = setInterval(() => void shoot(), PAUSE);
    return () => clearInterval(timer);
  }, [isRecording]);
  return (
    <Dialog title={title} onClose={onClose}>
      {camera.kind === "failed" ? <p role="alert">{camera.reason}</p> : null}
      <video ref={video} class="camera" autoplay playsInline muted aria-label="What the webcam sees" />
      <div class="add">
        <button
          type="button"
          class="primary"
          disabled={camera.kind !== "ready"}
          aria-pressed={isRecording}
          onClick={() => setRecording(!isRecording)}
        >
          {isRecording ? "Stop recording" : "Record"}
        </button>
        <button type="button" disabled={camera.kind !== "ready" || isRecording} onClick={() => void shoot()}>
          Take one
        </button>
        <p class="muted small" aria-live="polite">
          {taken === 0
            ? "Turn the thing while it records: many sides make a better class."
            : `${plural(taken, "picture")} taken.`}
        </p>
      </div>
    </Dialog>
  );
}

export type Camera =
  | { readonly kind: "opening" }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly reason: string };

/** Shows the webcam in a video element while the component is there. */
export function useCamera(video: { readonly current: HTMLVideoElement | null }): Camera {
  const [camera, setCamera] = useState<Camera>({ kind: "opening" });
  useEffect(() => {
    let stream: MediaStream | undefined;
    let isOver = false;
    const open = async (): Promise<void> => {
      try {
        stream = await navigator.mediaDevices.getUserMedia({
          video: { width: { ideal: 640 }, height: { ideal: 480 } },
        });
        if (isOver || !video.current) return stop();
        video.current.srcObject = stream;
        await video.current.play();
        setCamera({ kind: "ready" });
      } catch (error) {
        if (!isOver) setCamera({ kind: "failed", reason: reasonOf(error) });
      }
    };
    const stop = (): void => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    void open();
    return () => {
      isOver = true;
      stop();
    };
  }, []);
  return camera;
}

function reasonOf(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError")
    return "The browser may not use the webcam: allow it beside the address, then try again.";
  if (name === "NotFoundError") return "No webcam was found: plug one in, then try again.";
  return `The webcam could not be opened (${error instanceof Error ? error.message : String(error)}): close other programs that use it.`;
}

/** What a video shows now, as a JPEG; nothing where it shows nothing yet. */
export async function shot(video: HTMLVideoElement): Promise<File | undefined> {
  const { videoWidth: width, videoHeight: height } = video;
  if (width === 0) return undefined;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")!.drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
  return new File([blob], `webcam-${new Date().toISOString().replaceAll(/[^\d]/g, "")}.jpg`, { type: "image/jpeg" });
}

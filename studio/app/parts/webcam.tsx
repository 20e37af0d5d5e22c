/** Takes photos with the webcam: one at a time, or several per second while recording. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { plural } from "../format.ts";
import { Dialog } from "./dialog.tsx";

export interface WebcamProps {
  readonly title: string;
  readonly onShot: (photo: File) => void;
  readonly onClose: () => void;
}

/** Milliseconds between two photos of a recording. */
const PAUSE = 250;

export function Webcam({ title, onShot, onClose }: WebcamProps): JSX.Element {
  const video = useRef<HTMLVideoElement>(null);
  const camera = useCamera(video);
  const [isRecording, setRecording] = useState(false);
  const [taken, setTaken] = useState(0);
  const shoot = async (): Promise<void> => {
    const photo = video.current && (await shot(video.current));
    if (!photo) return;
    onShot(photo);
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
      <video ref={video} class="camera" autoplay playsInline muted aria-label="Webcam preview" />
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
          Take photo
        </button>
        <p class="muted small" aria-live="polite">
          {taken === 0
            ? "Move the object while you record: views from many sides make a better class."
            : `${plural(taken, "photo")} taken.`}
        </p>
      </div>
    </Dialog>
  );
}

export type Camera =
  | { readonly kind: "opening" }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly reason: string };

/** Shows the webcam in a video element while the component is mounted. */
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
    return "The browser has no permission to use the webcam. Allow it next to the address bar, then try again.";
  if (name === "NotFoundError") return "No webcam found. Connect one, then try again.";
  return `Could not open the webcam (${error instanceof Error ? error.message : String(error)}). Close other programs that use it.`;
}

/** The current frame of a video as a JPEG; undefined if there is no frame yet. */
export async function shot(video: HTMLVideoElement): Promise<File | undefined> {
  const { videoWidth: width, videoHeight: height } = video;
  if (width === 0) return undefined;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")!.drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
  return new File([blob], `webcam-${new Date().toISOString().replaceAll(/[^\d]/g, "")}.jpg`, { type: "image/jpeg" });
}

/** The stand-alone page: choose an image, see the model's prediction. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ModelPrediction, StandaloneFacts } from "../../src/studio/api.ts";
import { listed, percent, percentRange, plural } from "../app/format.ts";
import { Probabilities } from "../app/parts/probabilities.tsx";
import { shot, useCamera } from "../app/parts/webcam.tsx";
import type { Model } from "./model.ts";

interface PageProps {
  readonly facts: StandaloneFacts;
  readonly model: Promise<Model>;
}

interface Shown {
  readonly url: string;
  readonly name: string;
}

export function Page({ facts, model }: PageProps): JSX.Element {
  const [state, setState] = useState<"loading" | "ready" | "asking">("loading");
  const [failure, setFailure] = useState<string | null>(null);
  const [shown, setShown] = useState<Shown | null>(null);
  const [prediction, setPrediction] = useState<ModelPrediction | null>(null);
  const [isLive, setLive] = useState(false);
  const fail = (error: unknown): void => setFailure(error instanceof Error ? error.message : String(error));
  useEffect(() => {
    model.then(() => setState("ready"), fail);
  }, []);
  const ask = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    setFailure(null);
    setPrediction(null);
    setLive(false);
    setShown((before) => {
      if (before) URL.revokeObjectURL(before.url);
      return { url: URL.createObjectURL(file), name: file.name };
    });
    try {
      const loaded = await model;
      setState("asking");
      setPrediction(await loaded.predict(file));
    } catch (error) {
      fail(error);
    }
    setState("ready");
  };
  useFiles((file) => void ask(file));
  return (
    <main data-state={state}>
      <header>
        <h1>{facts.title}</h1>
        <p class="muted">Recognises {listed(facts.classes)}.</p>
      </header>
      <div class="add">
        <label class="button primary">
          Choose an image
          <input
            type="file"
            class="visually-hidden"
            accept="image/*"
            onChange={(event) => void ask(event.currentTarget.files?.[0])}
          />
        </label>
        <button type="button" aria-pressed={isLive} onClick={() => setLive(!isLive)}>
          {isLive ? "Close the webcam" : "Webcam"}
        </button>
        <p class="muted small">
          {state === "loading" && failure === null
            ? "Loading the model…"
            : "Or drop or paste one. Images never leave this page, which works without a connection."}
        </p>
      </div>
      {failure === null ? null : <p role="alert">{failure}</p>}
      {isLive ? <Live model={model} onFailure={fail} /> : null}
      {shown && !isLive ? (
        <section class="panel asked" aria-label="Prediction">
          <img src={shown.url} alt={shown.name} />
          {prediction ? <Probabilities {...prediction} /> : failure === null ? <p class="muted">Predicting…</p> : null}
        </section>
      ) : null}
      <footer class="muted small">
        <p>
          {facts.network}, trained with Graft {facts.graft}: {percent(facts.accuracy)} of{" "}
          {plural(facts.testPictures, "test image")} predicted correctly (95% interval {percentRange(facts.interval)}).
          The model always predicts one of its classes, and says when an image is unlike all of them.
        </p>
      </footer>
    </main>
  );
}

/** Accepts images that are dropped or pasted anywhere. */
function useFiles(take: (file: File | undefined) => void): void {
  useEffect(() => {
    const over = (event: DragEvent): void => event.preventDefault();
    const drop = (event: DragEvent): void => {
      event.preventDefault();
      take(event.dataTransfer?.files[0]);
    };
    const paste = (event: ClipboardEvent): void => take(event.clipboardData?.files[0]);
    window.addEventListener("dragover", over);
    window.addEventListener("drop", drop);
    window.addEventListener("paste", paste);
    return () => {
      window.removeEventListener("dragover", over);
      window.removeEventListener("drop", drop);
      window.removeEventListener("paste", paste);
    };
  }, []);
}

function Live({
  model,
  onFailure,
}: {
  readonly model: Promise<Model>;
  readonly onFailure: (error: unknown) => void;
}): JSX.Element {
  const video = useRef<HTMLVideoElement>(null);
  const camera = useCamera(video);
  const [prediction, setPrediction] = useState<ModelPrediction | null>(null);
  useEffect(() => {
    if (camera.kind !== "ready") return;
    let isOver = false;
    const loop = async (): Promise<void> => {
      const loaded = await model;
      while (!isOver) {
        const photo = video.current && (await shot(video.current));
        if (photo && !isOver) setPrediction(await loaded.predict(photo));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    loop().catch(onFailure);
    return () => {
      isOver = true;
    };
  }, [camera.kind]);
  return (
    <section class="panel asked" aria-label="Webcam">
      {camera.kind === "failed" ? <p role="alert">{camera.reason}</p> : null}
      <video ref={video} class="camera" autoplay playsInline muted aria-label="Webcam preview" />
      {prediction ? <Probabilities {...prediction} /> : <p class="muted">Predicting…</p>}
    </section>
  );
}

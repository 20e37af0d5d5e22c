/** Tries a trained model on dropped or chosen images, or on the webcam. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ModelPrediction, RunInfo } from "../../../src/studio/api.ts";
import { depthOf, lastPart, moment, percent } from "../format.ts";
import { say } from "../messages.ts";
import { ownDrops } from "../parts/drop-zone.tsx";
import { Probabilities } from "../parts/probabilities.tsx";
import { shot, useCamera } from "../parts/webcam.tsx";
import { go, hrefOf } from "../route.ts";
import { server } from "../server.ts";
import { finished } from "../state.ts";

export function Try({ run: id }: { readonly run: string | undefined }): JSX.Element {
  const all = finished.value;
  const run = all.find((one) => one.id === id) ?? all[0];
  if (!run) {
    return (
      <section class="welcome">
        <h1>Nothing to try yet</h1>
        <p class="lead">
          Once a model has been <a href={hrefOf("train")}>trained</a>, drop an image here to see its prediction.
        </p>
      </section>
    );
  }
  return (
    <section class="try" aria-labelledby="try-title">
      <h1 id="try-title">Try it</h1>
      <label class="select">
        <span class="visually-hidden">Which model</span>
        <select value={run.id} onChange={(event) => go("try", event.currentTarget.value)}>
          {all.map(({ id: one, settings, createdAt, state }) => (
            <option key={one} value={one}>
              {lastPart(settings.network)}, {depthOf(settings.unfreeze)}, {moment(createdAt)}
              {state.kind === "done" ? ` (${percent(state.summary.accuracy)})` : ""}
            </option>
          ))}
        </select>
      </label>
      <Asking key={run.id} run={run} />
    </section>
  );
}

interface Asked {
  readonly key: number;
  readonly name: string;
  readonly url: string;
  readonly prediction: ModelPrediction | null;
  readonly failure: string | null;
}

/** The number of images that stay visible. */
const KEPT = 20;
let count = 0;

function Asking({ run }: { readonly run: RunInfo }): JSX.Element {
  const [asked, setAsked] = useState<readonly Asked[]>([]);
  const [isLive, setLive] = useState(false);
  const ask = async (files: Iterable<File>): Promise<void> => {
    for (const file of files) {
      const key = ++count;
      const one: Asked = { key, name: file.name, url: URL.createObjectURL(file), prediction: null, failure: null };
      setAsked((before) => {
        for (const { url } of before.slice(KEPT - 1)) URL.revokeObjectURL(url);
        return [one, ...before.slice(0, KEPT - 1)];
      });
      const change = (part: Partial<Asked>): void =>
        setAsked((before) => before.map((other) => (other.key === key ? { ...other, ...part } : other)));
      await server.predict(run.id, file).then(
        (prediction) => change({ prediction }),
        (error: unknown) => change({ failure: error instanceof Error ? error.message : String(error) }),
      );
    }
  };
  useEffect(() => {
    ownDrops.value = (files) => void ask(files);
    const paste = (event: ClipboardEvent): void => void ask(event.clipboardData?.files ?? []);
    window.addEventListener("paste", paste);
    return () => {
      ownDrops.value = null;
      window.removeEventListener("paste", paste);
    };
  }, []);
  return (
    <>
      <div class="add">
        <label class="button primary">
          Choose images
          <input
            type="file"
            class="visually-hidden"
            accept="image/*"
            multiple
            onChange={(event) => {
              void ask([...(event.currentTarget.files ?? [])]);
              event.currentTarget.value = "";
            }}
          />
        </label>
        <button type="button" aria-pressed={isLive} onClick={() => setLive(!isLive)}>
          {isLive ? "Close the webcam" : "Webcam"}
        </button>
        <p class="muted small">Or drop or paste images here. They are not added to the project.</p>
      </div>
      {isLive ? <Live run={run} /> : null}
      <ul class="asked">
        {asked.map(({ key, name, url, prediction, failure }) => (
          <li key={key} class="panel">
            <img src={url} alt={name} />
            <div>
              <p class="muted small">{name}</p>
              {failure === null ? null : <p role="alert">{failure}</p>}
              {prediction ? <Probabilities {...prediction} /> : failure === null ? <p>Predicting…</p> : null}
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Predicts what the webcam shows, continuously, one frame at a time. */
function Live({ run }: { readonly run: RunInfo }): JSX.Element {
  const video = useRef<HTMLVideoElement>(null);
  const camera = useCamera(video);
  const [prediction, setPrediction] = useState<ModelPrediction | null>(null);
  useEffect(() => {
    if (camera.kind !== "ready") return;
    let isOver = false;
    const loop = async (): Promise<void> => {
      while (!isOver) {
        const photo = video.current && (await shot(video.current));
        if (photo) {
          const next = await server.predict(run.id, photo).catch((error: unknown) => {
            say.failure(error);
            isOver = true;
            return null;
          });
          if (!isOver) setPrediction(next);
        }
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    };
    void loop();
    return () => {
      isOver = true;
    };
  }, [camera.kind]);
  return (
    <div class="panel live">
      {camera.kind === "failed" ? <p role="alert">{camera.reason}</p> : null}
      <video ref={video} class="camera" autoplay playsInline muted aria-label="Webcam preview" />
      {prediction ? <Probabilities {...prediction} /> : <p class="muted">Predicting…</p>}
    </div>
  );
}

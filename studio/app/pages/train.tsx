/** Choose a network and how much of it to train, then follow the training. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import type { RunSettings } from "../../../src/studio/api.ts";
import { plural } from "../format.ts";
import { attempt } from "../messages.ts";
import { NetworkTable } from "../parts/network-table.tsx";
import { RecommendationPanel } from "../parts/recommendation.tsx";
import { RunPanel } from "../parts/run-panel.tsx";
import { settingsToSend, TrainOptions } from "../parts/train-options.tsx";
import { hrefOf } from "../route.ts";
import { server } from "../server.ts";
import { networks, noteRun, project, running, runs } from "../state.ts";

/** The values of the form. They stay when the user leaves the page. */
export const settings = signal<RunSettings>({ network: "", unfreeze: "none", seed: 0, classWeights: "none" });

export function Train(): JSX.Element {
  const { classes, obstacle } = project.value!;
  const imageCount = classes.reduce((sum, one) => sum + one.pictures, 0);
  const table = networks.value;
  const network = settings.value.network === "" ? (table?.standard ?? "") : settings.value.network;
  const begin = (): Promise<boolean> =>
    attempt(async () => {
      noteRun(await server.start({ ...settingsToSend(settings.value), network }));
      window.scrollTo({ top: 0 });
    });
  const latest = runs.value?.[0];
  return (
    <div class="train">
      {latest && latest.state.kind !== "done" ? <RunPanel run={latest} /> : null}
      {latest?.state.kind === "done" ? (
        <p class="notice">
          The last training is finished. <a href={hrefOf("results", latest.id)}>See its results</a>
        </p>
      ) : null}
      <header>
        <h1>Train</h1>
        <p class="lead">
          {obstacle ??
            `${plural(imageCount, "image")} in ${plural(classes.filter((one) => one.pictures > 0).length, "class", "classes")}. A fifth is held out to test the model, unless the project has a test folder.`}
        </p>
      </header>
      <div class="beside-table">
        <section aria-labelledby="networks-title">
          <h2 id="networks-title">Choose a network</h2>
          {table ? (
            <NetworkTable
              rows={table.networks}
              imageCount={imageCount}
              chosen={network}
              onChoose={(name) => {
                settings.value = { ...settings.value, network: name };
              }}
            />
          ) : (
            <p class="loading">Loading networks…</p>
          )}
        </section>
        <aside>
          <RecommendationPanel
            imageCount={obstacle === null ? imageCount : 0}
            onChoose={(name) => {
              settings.value = { ...settings.value, network: name };
            }}
          />
          <TrainOptions />
          <div class="begin">
            <button
              type="button"
              class="primary wide"
              disabled={obstacle !== null || running.value !== undefined || !table}
              onClick={begin}
            >
              Train {network === "" ? "" : `on ${network.split(/[/\\]/).at(-1)}`}
            </button>
            {running.value ? (
              <p class="muted small">A training is already running. Only one can run at a time.</p>
            ) : null}
            {obstacle ? <p class="muted small">{obstacle}</p> : null}
            <p class="muted small">
              You can close this page in the meantime. The command <code>graft train {project.value!.name}</code> does
              the same. {plural(runs.value!.length, "training")} so far.
            </p>
          </div>
        </aside>
      </div>
    </div>
  );
}

/** The exports of a training. */
import type { JSX } from "preact";
import type { RunInfo, RunSummary } from "../../../src/studio/api.ts";
import { bytes } from "../format.ts";
import { attempt } from "../messages.ts";
import { hrefOf } from "../route.ts";
import { filePath, openFile, pagePath } from "../server.ts";

/** The size of ONNX Runtime in a stand-alone page, in base64. */
const RUNTIME_BYTES = 18e6;

export function Exports({ run, summary }: { readonly run: RunInfo; readonly summary: RunSummary }): JSX.Element {
  const page = RUNTIME_BYTES + (summary.modelBytes * 4) / 3;
  return (
    <section class="exports" aria-labelledby="exports-title">
      <h2 id="exports-title" class="visually-hidden">
        Use the model
      </h2>
      <a class="button primary" href={hrefOf("try", run.id)}>
        Try it
      </a>
      <button type="button" onClick={() => attempt(() => openFile(filePath(run.id, "model.onnx"), "download"))}>
        model.onnx <small>{bytes(summary.modelBytes)}</small>
      </button>
      <button
        type="button"
        title="One HTML file that runs the model in any browser, without a connection"
        onClick={() => attempt(() => openFile(pagePath(run.id), "download"))}
      >
        Stand-alone page <small>{bytes(page)}</small>
      </button>
      <button type="button" onClick={() => attempt(() => openFile(`${filePath(run.id, "report.html")}?view`, "tab"))}>
        Report
      </button>
    </section>
  );
}

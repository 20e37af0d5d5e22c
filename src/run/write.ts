/** A finished training → the files of its run, replaced as one: see base/replace.ts. */
import { type Content, sha256OfChunks } from "../base/files.ts";
import { replaceTogether } from "../base/replace.ts";
import { encodeModel } from "../graph/onnx/write.ts";
import { answersOf, madeOf, metricsOf } from "./facts.ts";
import type { Consumption, ReportInput } from "./report-input.ts";
import { reportOf } from "./report-of.ts";
import { type RunFile, runFileNames, runFiles } from "./run-files.ts";
import type { TrainRun } from "./train-run.ts";

/** The files of a run that are pages for people: whoever writes a run says how they are drawn. */
export interface RunPages {
  readonly report: (input: ReportInput) => string;
  readonly card: (input: ReportInput, consumption: Consumption) => string;
}

/** What was written. */
export interface WrittenRun {
  /** SHA-256 of `model.onnx`, hexadecimal; every other file names it. */
  readonly modelSha256: string;
}

/**
 * Writes every file of a run into `run.out`. A run that was there is replaced whole: whenever the process is killed, or the
 * disk is full, the folder has all files of one run or all of the other. Files of the user's are left alone.
 *
 * @throws GraftError (`work`) where the disk refuses; the run that was there is then as it was
 */
export async function writeRun(run: TrainRun, pages: RunPages): Promise<WrittenRun> {
  const model = [...encodeModel(run.result.artifact)];
  const modelSha256 = sha256OfChunks(model);
  const input = await reportOf(run, modelSha256);
  const files = new Map<RunFile, Content>([
    [runFiles.model, model],
    [runFiles.made, `${JSON.stringify(madeOf(run, modelSha256), null, 2)}\n`],
    [runFiles.answers, `${JSON.stringify(answersOf(run, modelSha256))}\n`],
    [runFiles.report, pages.report(input)],
    [runFiles.card, pages.card(input, await run.consumption())],
    [runFiles.metrics, `${JSON.stringify(metricsOf(run, modelSha256), null, 2)}\n`],
  ]);
  await replaceTogether(run.out, runFileNames, files);
  return { modelSha256 };
}

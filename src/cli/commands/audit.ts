/** `graft audit`: finds problems in a dataset; with --fix, moves the affected images aside. */
import type { Command } from "commander";
import * as v from "valibot";
import { type Audit, audit, checks, only } from "../../audit/audit.ts";
import { suspectsOf } from "../../audit/check.ts";
import { labelSentence } from "../../audit/labels/label-evidence.ts";
import { freeQuarantine, type Move, planMoves, quarantine, undoQuarantine } from "../../audit/quarantine.ts";
import { withLock } from "../../base/lock.ts";
import { flag, onlyWhen, optionsOf, seed, text, whole } from "../../base/option-schemas.ts";
import type { Dataset } from "../../data/dataset/discover.ts";
import { DEFAULT_NETWORK } from "../../networks/catalogue/catalogue.ts";
import { openNetwork } from "../../networks/open.ts";
import { networkName, preprocessing } from "../../networks/open-options.ts";
import { preprocessingPresets } from "../../networks/preprocessing/preprocessing.ts";
import { commaSeparated, number, readDataset, withSchema } from "../flags.ts";
import { print, printJson, withProgress } from "../output.ts";
import { interruptible } from "../process.ts";

const auditFlags = v.pipe(
  optionsOf({
    network: v.optional(networkName, DEFAULT_NETWORK),
    preprocessing: v.optional(preprocessing),
    only: v.optional(only),
    fix: v.optional(flag, false),
    fixDoubtful: v.optional(flag, false),
    undo: v.optional(text("the path of a quarantine folder")),
    seed: v.optional(seed, 0),
    show: v.optional(whole(0), 5),
    offline: v.optional(flag),
    json: v.optional(flag, false),
  }),
  onlyWhen(
    ({ undo }) => undo === undefined,
    ["fix", "fixDoubtful", "only", "preprocessing", "offline"],
    "to an audit, but {undo} only moves images back: leave one of them out",
  ),
  onlyWhen(({ fix }) => fix, ["fixDoubtful"], "to moving images: add {fix}"),
);

type AuditFlags = v.InferOutput<typeof auditFlags>;

export function auditCommand(command: Command): Command {
  command
    .argument(
      "<dataset>",
      "a folder with one sub-folder per class (or train/, val/, test/ folders of these), a .csv, .tsv or .jsonl list, or an archive of these",
    )
    .option("--network <name|file>", "the network that computes the features")
    .option(
      "--preprocessing <preset>",
      `the preprocessing of an .onnx file: ${Object.keys(preprocessingPresets).join(", ")}`,
    )
    .option(
      "--only <checks>",
      `only these checks, separated by commas: ${checks.map(({ name }) => name).join(", ")}`,
      commaSeparated,
    )
    .option("--fix", "move the affected images to a folder beside the dataset, with an undo list")
    .option("--fix-doubtful", "with --fix: also move images whose label is only worth a look")
    .option("--undo <folder>", "move the images of such a folder back, and do nothing else")
    .option("--seed <n>", "the same seed gives the same findings", number)
    .option("--show <n>", "images to list per finding", number)
    .option("--offline", "use only networks that are in the cache")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nExamples:\n  graft audit ./photos\n  graft audit ./photos --only leaks,label-errors --fix\n  graft audit ./photos --undo ./photos-quarantine",
    );
  return withSchema(command, auditFlags, auditAction);
}

async function auditAction(flags: AuditFlags, path: string): Promise<void> {
  const { fix, fixDoubtful: doubtful, json, undo } = flags;
  if (undo !== undefined) {
    const restored = await undoQuarantine(undo);
    if (json) printJson({ restored, from: undo });
    else print(`Moved ${restored} ${restored === 1 ? "image" : "images"} back from ${undo}.`);
    return;
  }
  const dataset = await readDataset(path);
  const signal = interruptible("Stopped: the results so far are kept. Run the same command again to continue.");
  const audited = await withProgress(async (line) => {
    const { preprocessing, offline, seed, only } = flags;
    const network = await openNetwork(flags.network, { onProgress: line.show, preprocessing, offline });
    return audit({ dataset, network, seed, only, onProgress: line.show, signal });
  });
  const moved = fix ? await fixed(path, dataset, audited, doubtful) : undefined;
  if (json) return printJson({ ...audited, ignored: dataset.ignored, fixed: moved });
  show(audited, flags.show);
  if (moved) print(fixedText(moved, path));
}

interface Fixed {
  /** Null if nothing had to be moved. */
  readonly folder: string | null;
  readonly moves: readonly Move[];
  /** Images that stay, because their label is only worth a look; `--fix-doubtful` moves them. */
  readonly kept: number;
}

/** Moves the affected images; only one fix of a dataset runs at a time. */
async function fixed(path: string, dataset: Dataset, { findings }: Audit, doubtful: boolean): Promise<Fixed> {
  const lock = `${dataset.root}.graft-lock`;
  return withLock(lock, { whenHeld: "fail", what: `the dataset ${path}` }, async () => {
    const folder = await freeQuarantine(dataset.root);
    const moves = planMoves(dataset, findings, folder, { doubtful });
    const asked = findings.flatMap(suspectsOf).filter(({ fix }) => fix === "ask");
    const gone = new Set(moves.map(({ from }) => from));
    const kept = new Set(asked.map(({ path: one }) => one).filter((one) => !gone.has(one))).size;
    if (moves.length === 0) return { folder: null, moves, kept };
    await quarantine(moves, folder);
    return { folder, moves, kept };
  });
}

function show({ findings, pictures, labels }: Audit, most: number): void {
  if (findings.length === 0) {
    print(`The audit found no problems in these ${pictures} images.`);
    print(labelSentence(labels));
    return;
  }
  print(`${findings.length} ${findings.length === 1 ? "finding" : "findings"} in ${pictures} images.`);
  print(labelSentence(labels));
  for (const finding of findings) {
    print();
    print(`${finding.title} (${finding.severity}, ${finding.check}, confidence ${finding.confidence.toFixed(2)})`);
    print(`  ${finding.advice}`);
    const suspects = suspectsOf(finding);
    for (const { path, label, why, confidence } of suspects.slice(0, most))
      print(`  ${confidence.toFixed(2)}  ${path} (${label}): ${why}`);
    if (suspects.length > most && most > 0) print(`  … and ${suspects.length - most} more; --json lists all.`);
  }
}

function fixedText({ folder, moves, kept }: Fixed, path: string): string {
  const moved =
    folder === null
      ? "Nothing had to be moved."
      : `Moved ${moves.length} ${moves.length === 1 ? "image" : "images"} to ${folder}; \`graft audit ${path} --undo ${folder}\` moves them back.`;
  const stayed = `Left ${kept} ${kept === 1 ? "image" : "images"} whose label is only worth a look: check them, or add --fix-doubtful.`;
  return kept === 0 ? `\n${moved}` : `\n${moved}\n${stayed}`;
}

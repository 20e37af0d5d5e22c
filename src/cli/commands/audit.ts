/** `graft audit`: what is wrong with a dataset, and with --fix, the pictures in question moved aside. */
import { Command } from "commander";
import { type Audit, audit } from "../../audit/audit.ts";
import { checks } from "../../audit/checks/registry.ts";
import { suspectsOf } from "../../audit/finding.ts";
import { type Move, planMoves } from "../../audit/quarantine/plan.ts";
import { freeQuarantine, quarantine, undoQuarantine } from "../../audit/quarantine/quarantine.ts";
import { usageError } from "../../base/errors.ts";
import { withLock } from "../../base/lock.ts";
import { nearest } from "../../base/nearest.ts";
import { type Dataset, discoverDataset } from "../../data/dataset/discover.ts";
import { DEFAULT_NETWORK } from "../../zoo/catalogue.ts";
import { openNetwork } from "../../zoo/open.ts";
import { type PresetName, preprocessingPresets } from "../../zoo/preprocessing.ts";
import { presetName, wholeNumber } from "../options.ts";
import { print, printJson, withProgress } from "../output.ts";

interface AuditFlags {
  readonly network: string;
  readonly preprocessing?: PresetName;
  readonly only?: readonly string[];
  readonly fix?: boolean;
  readonly undo?: string;
  readonly seed: number;
  readonly show: number;
  readonly offline?: boolean;
  readonly json?: boolean;
}

export function auditCommand(): Command {
  return new Command("audit")
    .description("look for what is wrong with a dataset: copies, wrong labels, off-topic pictures, shortcuts …")
    .argument("<dataset>", "a folder with one sub-folder a class (or train/, val/, test/ of such), or a .csv/.jsonl")
    .option("--network <name|file>", "the network whose features are compared", DEFAULT_NETWORK)
    .option(
      "--preprocessing <preset>",
      `how an .onnx file wants its pixels: ${Object.keys(preprocessingPresets).join(", ")}`,
      presetName,
    )
    .option("--only <checks>", `only these checks, with commas between: ${names().join(", ")}`, checkNames)
    .option("--fix", "move the pictures in question to a folder beside the dataset, with a list to undo it")
    .option("--undo <folder>", "move the pictures of such a folder back to where they were, and do nothing else")
    .option("--seed <n>", "the same seed gives the same findings", wholeNumber(0), 0)
    .option("--show <n>", "pictures to name of each finding", wholeNumber(0), 5)
    .option("--offline", "use only networks that are in the cache")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nExamples:\n  graft audit ./photos\n  graft audit ./photos --only leaks,label-errors --fix\n  graft audit ./photos --undo ./photos-quarantine",
    )
    .action(auditAction);
}

const names = (): string[] => checks.map(({ name }) => name);

function checkNames(text: string): string[] {
  const wanted = text.split(",").map((name) => name.trim());
  for (const name of wanted) {
    if (!names().includes(name))
      throw usageError(`There is no check "${name}": the nearest are ${nearest(name, names()).join(", ")}.`);
  }
  return wanted;
}

async function auditAction(path: string, flags: AuditFlags): Promise<void> {
  const { fix = false, json = false, undo } = flags;
  if (undo !== undefined) {
    const restored = await undoQuarantine(undo);
    if (json) printJson({ restored, from: undo });
    else print(`Moved ${restored} ${restored === 1 ? "picture" : "pictures"} back from ${undo}.`);
    return;
  }
  const dataset = await discoverDataset(path);
  const audited = await withProgress(async (line) => {
    const network = await openNetwork(flags.network, {
      onProgress: line.show,
      ...(flags.preprocessing === undefined ? {} : { preprocessing: flags.preprocessing }),
      ...(flags.offline ? { offline: true } : {}),
    });
    return audit({
      dataset,
      network,
      seed: flags.seed,
      onProgress: line.show,
      ...(flags.only === undefined ? {} : { only: flags.only }),
    });
  });
  const moved = fix ? await fixed(path, dataset, audited) : undefined;
  if (json) return printJson({ ...audited, ...(moved ? { fixed: moved } : {}) });
  show(audited, flags.show);
  if (moved) print(fixedText(moved, path));
}

interface Fixed {
  /** Nothing where there was nothing to move. */
  readonly folder: string | null;
  readonly moves: readonly Move[];
}

/** Moves what the findings ask for; one fix of a dataset at a time. */
async function fixed(path: string, dataset: Dataset, { findings }: Audit): Promise<Fixed> {
  const lock = `${dataset.root}.graft-lock`;
  return withLock(lock, { whenHeld: "fail", what: `the dataset ${path}` }, async () => {
    const folder = await freeQuarantine(dataset.root);
    const moves = planMoves(dataset, findings, folder);
    if (moves.length === 0) return { folder: null, moves };
    await quarantine(moves, folder);
    return { folder, moves };
  });
}

function show({ findings, pictures }: Audit, most: number): void {
  if (findings.length === 0) {
    print(`Nothing is wrong with these ${pictures} pictures as far as the audit can see.`);
    return;
  }
  print(`${findings.length} ${findings.length === 1 ? "finding" : "findings"} in ${pictures} pictures.`);
  for (const finding of findings) {
    print();
    print(`${finding.title} (${finding.severity}, ${finding.check}, confidence ${finding.confidence.toFixed(2)})`);
    print(`  ${finding.advice}`);
    const suspects = suspectsOf(finding);
    for (const { path, label, why, confidence } of suspects.slice(0, most))
      print(`  ${confidence.toFixed(2)}  ${path} (${label}): ${why}`);
    if (suspects.length > most && most > 0) print(`  … and ${suspects.length - most} more: --json names all.`);
  }
}

const fixedText = ({ folder, moves }: Fixed, path: string): string =>
  folder === null
    ? "\nNothing had to be moved."
    : `\nMoved ${moves.length} ${moves.length === 1 ? "picture" : "pictures"} to ${folder}; \`graft audit ${path} --undo ${folder}\` moves them back.`;

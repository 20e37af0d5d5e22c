/** `graft studio`: the web studio for one project, on this machine alone. */
import { Command, Option } from "commander";
import { GRACE_MS } from "../../http/server.ts";
import { runStudio } from "../../studio/studio.ts";
import { preprocessingPresets } from "../../zoo/preprocessing.ts";
import { milliseconds, presetName, wholeNumber } from "../options.ts";
import { note, print, printJson } from "../output.ts";

interface StudioFlags {
  readonly port: number;
  readonly network: readonly string[];
  readonly preprocessing?: keyof typeof preprocessingPresets;
  readonly offline?: boolean;
  readonly grace: number;
  readonly json?: boolean;
}

/** Where the studio listens unless told otherwise. */
const PORT = 4747;

export function studioCommand(): Command {
  return new Command("studio")
    .description("collect pictures, train and try models in the browser, on this machine alone")
    .argument("[folder]", "the project: a folder with one sub-folder a class, made where it is missing", "graft-studio")
    .option("--port <n>", "the port on 127.0.0.1; 0 takes any free one", wholeNumber(0), PORT)
    .option(
      "--network <file>",
      "an .onnx file to offer beside the catalogue (may be given more than once)",
      (file: string, others: readonly string[]) => [...others, file],
      [],
    )
    .addOption(
      new Option(
        "--preprocessing <preset>",
        `how these files want their pixels: ${Object.keys(preprocessingPresets).join(", ")}`,
      ).argParser(presetName),
    )
    .option("--offline", "train only with networks that are on this disk")
    .option("--grace <time>", "how long the studio may take to end, a training included", milliseconds, GRACE_MS)
    .option("--json", "print the address as one JSON object")
    .addHelpText("after", "\nExamples:\n  graft studio\n  graft studio ./photos --port 8080")
    .action(studio);
}

async function studio(folder: string, flags: StudioFlags): Promise<void> {
  const controller = new AbortController();
  // The first asks for an orderly end, the second ends at once.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort());
  const own = flags.network.map((path) => ({ path, preprocessing: flags.preprocessing }));
  await runStudio({
    folder,
    port: flags.port,
    command: [process.execPath, process.argv[1]!],
    networks: own,
    offline: flags.offline === true,
    graceMs: flags.grace,
    signal: controller.signal,
    onListening({ url, token, link }) {
      if (flags.json) return printJson({ url, token, link });
      print(`The studio is at ${link}`);
      note(
        "Only this machine can reach it, and only with this link. Ctrl-C ends it; nothing is lost, and the next start prints a new link.",
      );
    },
  });
}

/** `graft studio`: the web studio for one project, on this machine only. */
import type { Command } from "commander";
import * as v from "valibot";
import { flag, listOf, onlyWhen, optionsOf } from "../../base/option-schemas.ts";
import { GRACE_MS } from "../../http/http-server.ts";
import { networkName, preprocessing } from "../../networks/open-options.ts";
import { preprocessingPresets } from "../../networks/preprocessing/preprocessing.ts";
import { graceMs, port } from "../../serve/limits.ts";
import { runStudio } from "../../studio/studio.ts";
import { milliseconds, number, several, withSchema } from "../flags.ts";
import { note, print, printJson } from "../output.ts";
import { endWithin } from "../process.ts";

/** The studio's default port. */
const PORT = 4747;

const studioFlags = v.pipe(
  optionsOf({
    port: v.optional(port, PORT),
    network: v.optional(listOf(networkName)),
    preprocessing: v.optional(preprocessing),
    offline: v.optional(flag, false),
    grace: v.optional(graceMs, GRACE_MS),
    json: v.optional(flag, false),
  }),
  onlyWhen(
    ({ network }) => network !== undefined,
    ["preprocessing"],
    "to .onnx files: add one with {network}, or leave it out",
  ),
);

export function studioCommand(command: Command): Command {
  command
    .argument(
      "[folder]",
      "the project: a folder with one sub-folder per class; created if it does not exist",
      "graft-studio",
    )
    .option("--port <n>", "the port on 127.0.0.1; 0 picks a free one", number)
    .option("--network <file>", "an .onnx file to offer in addition to the catalogue; can be repeated", several)
    .option(
      "--preprocessing <preset>",
      `the preprocessing of these files: ${Object.keys(preprocessingPresets).join(", ")}`,
    )
    .option("--offline", "use only networks that are on this disk")
    .option("--grace <time>", "time limit for stopping, including a training, such as 10s", milliseconds)
    .option("--json", "print the address as one JSON object")
    .addHelpText("after", "\nExamples:\n  graft studio\n  graft studio ./photos --port 8080");
  return withSchema(command, studioFlags, studio);
}

async function studio(flags: v.InferOutput<typeof studioFlags>, folder: string): Promise<void> {
  const controller = new AbortController();
  // The first signal stops the studio in an orderly way, the second at once.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      controller.abort();
      endWithin(flags.grace);
    });
  }
  const own = (flags.network ?? []).map((path) => ({ path, preprocessing: flags.preprocessing }));
  await runStudio({
    folder,
    port: flags.port,
    command: [process.execPath, process.argv[1]!],
    networks: own,
    offline: flags.offline,
    graceMs: flags.grace,
    signal: controller.signal,
    onNotice: note,
    onListening({ url, token, link }) {
      if (flags.json) return printJson({ url, token, link });
      print(`The studio is at ${link}`);
      note(
        "Only this machine can open it, and only with this link. Ctrl-C stops it; your work is saved. The next start prints a new link.",
      );
    },
  });
}

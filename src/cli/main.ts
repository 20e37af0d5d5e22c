#!/usr/bin/env node
/** The `graft` command: parses the command line, runs one command and sets the exit code. Contains no product logic. */
import "../onnx/session/telemetry.ts";
import { Command, CommanderError, Help } from "commander";
import { failureEventOf, failureLine, watchStopFile } from "../base/child-messages.ts";
import { exitCodes, GraftError, isStopped, messageOf } from "../base/errors.ts";
import { onNotice } from "../base/sealed.ts";
import { asSentence } from "../base/system-errors.ts";
import { escapedJson } from "../base/text.ts";
import { graftVersion } from "../base/version.ts";
import { commands } from "./commands.ts";
import { escapedLines } from "./flags.ts";
import { note } from "./output.ts";
import { guardStreams, stoppedCode, withoutWildcards } from "./process.ts";

const program = new Command("graft")
  .description(
    "Transfer learning for TypeScript: graft a new head onto a pretrained network and train it on your images.",
  )
  .version(graftVersion)
  .option("--debug", "show stack traces")
  .showSuggestionAfterError()
  .configureHelp({
    subcommandTerm: (command) => {
      const row = commands[command.name()];
      return row ? `${command.name()} ${row.usage}`.trimEnd() : new Help().subcommandTerm(command);
    },
  })
  .addHelpText(
    "after",
    `
Examples:
  graft sample emoji ./emoji                 create a sample dataset
  graft train ./photos                       train on a folder with one sub-folder per class
  graft audit ./photos                       find duplicates, wrong labels, shortcuts
  graft predict graft-out/model.onnx cat.jpg classify an image
  graft serve graft-out/model.onnx           serve predictions over HTTP
  graft explain graft-out/model.onnx cat.jpg explain a prediction
  graft recommend ./photos                   find the best network for your images
  graft compare ./photos                     decide between transfer and training from scratch
  graft networks list                        list the pretrained networks
  graft cache                                show and prune the cache`,
  );

const args = process.platform === "win32" ? withoutWildcards(process.argv.slice(2)) : process.argv.slice(2);
for (const [name, { usage, description, load }] of Object.entries(commands)) {
  const command = new Command(name).description(description);
  // `graft help train` names a command too. The others are only needed for the list and for suggestions.
  program.addCommand(args.includes(name) ? (await load())(command) : command.usage(usage));
}

/**
 * Makes commander throw instead of exiting, in every sub-command too, so that the exit code is ours. Escapes its messages,
 * because they repeat the user's arguments.
 */
function takeOver(command: Command): void {
  command.exitOverride();
  command.configureOutput({ writeErr: (text) => process.stderr.write(escapedLines(text)) });
  for (const child of command.commands) takeOver(child);
}
takeOver(program);
guardStreams();
onNotice(note);

watchStopFile();
try {
  await program.parseAsync(args, { from: "user" });
} catch (error) {
  process.exitCode = report(error);
}

/** Prints the error as one sentence (with --debug, the stack trace) and returns the exit code. */
function report(thrown: unknown): number {
  // Commander has already said what is wrong.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : exitCodes.usage;
  const error = asSentence(thrown);
  // Only the given command has parsed options; the others have defaults.
  if (program.commands.some((command) => command.opts().progress === "json"))
    process.stderr.write(`${escapedJson(failureLine(failureEventOf(error)))}\n`);
  if (program.opts().debug && error instanceof Error) note((error.stack ?? error.message).split("\n"));
  else note(`graft: ${messageOf(error)}`);
  if (isStopped(error)) return stoppedCode();
  return error instanceof GraftError ? exitCodes[error.kind] : exitCodes.work;
}

/**
 * A process that replaces the run in a folder, again and again, until it is killed: `node --import tsx run-writer.ts OUT RUN…`,
 * where each RUN is a folder with the files of one. Prints a line when it begins.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { replaceTogether } from "../../src/base/replace.ts";
import { runFileNames } from "../../src/run/run-files.ts";

const [out, ...runs] = process.argv.slice(2) as [string, ...string[]];
const contents = runs.map((run) => new Map(runFileNames.map((name) => [name, readFileSync(join(run, name))])));
process.stdout.write("writing\n");
for (;;) for (const files of contents) await replaceTogether(out, runFileNames, files);

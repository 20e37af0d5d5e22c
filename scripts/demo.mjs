/** The first command of the README: creates the sample dataset from npm, trains on it, and says where the report is. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const graft = (...words) => {
  process.stderr.write(`\n$ npx graft ${words.join(" ")}\n`);
  const { status } = spawnSync(process.execPath, ["dist/cli/main.js", ...words], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};

if (!existsSync("demo/emoji")) graft("sample", "emoji", "demo/emoji");
graft("train", "demo/emoji", "--out", "demo/model");

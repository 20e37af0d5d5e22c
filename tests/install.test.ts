/**
 * The packed package, installed as a user does: into an empty project, with install scripts on, from npm's registry alone. What is
 * installed trains and predicts.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { tinyNetwork } from "./support/network.ts";
import { drawShape, encode, writeShapes } from "./support/pictures.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "graft-install-"));
const project = join(work, "project");

/** The environment without what `npm test` tells its scripts: npm's settings here are not those of a user. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|ONNXRUNTIME_|ORT_|GRAFT_|NODE_OPTIONS$)/i.test(name)),
);
env.GRAFT_CACHE = join(work, "cache");

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** npm is a script of the shell on Windows; the arguments here need no quoting. */
const shell = process.platform === "win32";

function run(program: string, args: readonly string[], cwd: string): Promise<Finished> {
  const child = spawn(program, args, { cwd, env, shell, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

async function done(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, cwd);
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

const unreachable =
  spawnSync("npm", ["ping", "--fetch-retries=0", "--fetch-timeout=10000"], { cwd: work, env, shell }).status !== 0;
const why = unreachable ? " (skipped: npm's registry cannot be reached)" : "";

describe.skipIf(unreachable)(`npm install of the packed package${why}`, () => {
  beforeAll(async () => {
    const [packed] = JSON.parse(
      await done("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", work], root),
    ) as [{ filename: string }];
    mkdirSync(project);
    const own = {
      name: "project",
      private: true,
      type: "module",
      dependencies: { "graft-ml": `file:../${packed.filename}` },
      // Runs last, and shows that scripts did run.
      scripts: { postinstall: "node --eval \"fs.writeFileSync('scripts-ran', '')\"" },
    };
    writeFileSync(join(project, "package.json"), JSON.stringify(own));
    await done("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund"], project);
  }, 600_000);

  test("ends well with scripts on, and needs none that fetches anything", () => {
    expect(existsSync(join(project, "scripts-ran"))).toBe(true);
    const { packages } = JSON.parse(readFileSync(join(project, "package-lock.json"), "utf8")) as {
      packages: Record<string, { readonly hasInstallScript?: boolean }>;
    };
    const withScripts = Object.keys(packages).filter((name) => name !== "" && packages[name]!.hasInstallScript);
    // Protocol Buffers' script looks at a version number.
    expect(withScripts).toEqual(["node_modules/protobufjs"]);
  });

  test("has ONNX Runtime's own libraries, byte for byte", () => {
    const path = join("bin", "napi-v6", process.platform, process.arch);
    const [theirs, ours] = [
      join(root, "node_modules", "onnxruntime-node", path),
      join(project, "node_modules", "graft-ml", "dist", "onnxruntime", path),
    ];
    expect(readdirSync(ours)).toEqual(readdirSync(theirs));
    for (const name of readdirSync(theirs))
      expect(readFileSync(join(ours, name)).equals(readFileSync(join(theirs, name))), name).toBe(true);
  });

  test("trains, answers, and is a library", async () => {
    writeFileSync(join(project, "tiny.onnx"), tinyNetwork());
    writeFileSync(join(project, "picture.png"), await encode(drawShape("circle", 60, 60, 99), "png"));
    await writeShapes(join(project, "shapes"), { circle: 14, square: 14 });
    const graft = (...args: string[]): Promise<string> => done("npx", ["--no", "graft", ...args], project);
    await graft("train", "shapes", "--network", "tiny.onnx", "--preprocessing", "imagenet");
    const answer = await graft("predict", join("graft-out", "model.onnx"), "picture.png", "--json");
    expect(JSON.parse(answer)).toMatchObject({ predictions: [{ label: "circle" }] });
    writeFileSync(
      join(project, "program.js"),
      `import { decodeImage, openArtifact } from "graft-ml";
       const model = await openArtifact("graft-out/model.onnx");
       const { probabilities } = await model.predict(await decodeImage("picture.png"));
       console.log(model.classes[probabilities.indexOf(Math.max(...probabilities))]);
       await model.close();`,
    );
    expect(await done("node", ["program.js"], project)).toBe("circle\n");
  });
});

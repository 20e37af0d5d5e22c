/** A project from someone else, opened in the studio: its trainings, locks, comparisons and thumbnails, requested by HTTP. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { finished, writeFinishedRun } from "../../tests/support/finished-run.ts";
import { writeShapes } from "../../tests/support/pictures.ts";
import { ownerName } from "../base/owner.ts";
import type { ErrorBody } from "../http/responses.ts";
import type { ProjectInfo, Recommendation, RunInfo, RunResults } from "./api.ts";
import { startStudio, type TestStudio } from "./testing.ts";

const isWindows = process.platform === "win32";
const ID = "20260101-000000";
const { answer, answers, evaluation, metrics, record, settings } = finished;
let work: string;
let root: string;
let outside: string;
let studio: TestStudio | undefined;
/** Sentences that the studio printed at its start. */
let said: string[];

beforeEach(async () => {
  work = mkdtempSync(join(tmpdir(), "graft-foreign-"));
  [root, outside] = [join(work, "project"), join(work, "outside")];
  await writeShapes(root, { circle: 2, square: 2 });
  mkdirSync(outside);
  writeFileSync(join(outside, "secret.json"), '{"secret":1}');
});
afterEach(async () => {
  await studio?.close();
  studio = undefined;
  expect(readdirSync(outside)).toEqual(["secret.json"]);
  expect(readFileSync(join(outside, "secret.json"), "utf8")).toBe('{"secret":1}');
});

const run = (changes: Readonly<Record<string, unknown>> = {}, id = ID): string => writeFinishedRun(root, id, changes);

const open = async (): Promise<TestStudio> => {
  said = [];
  studio = await startStudio(root, [], undefined, (notice) => said.push(notice));
  return studio;
};
const runs = (): Promise<RunInfo[]> => studio!.json<RunInfo[]>("/api/runs");
const notices = async (): Promise<readonly string[]> => (await studio!.json<ProjectInfo>("/api/project")).notices;
/** The sentence of a refusal: exactly one, without the system's own words. */
const refused = async (path: string, method = "GET"): Promise<[status: number, error: string]> => {
  const { status, body } = await studio!.ask(path, { method });
  const { error } = JSON.parse(body) as ErrorBody;
  expect(error).toMatch(/^[A-Z“"/].*[.]$/s);
  expect(error).not.toMatch(/\bE[A-Z]{4,}\b|undefined|\[object/);
  return [status, error];
};

describe("a training", () => {
  it("that is whole is shown", async () => {
    run();
    await open();
    expect((await runs()).map(({ id, state }) => [id, state.kind])).toEqual([[ID, "done"]]);
    expect((await studio!.json<RunResults>(`/api/runs/${ID}/results`)).answers).toHaveLength(1);
    expect([said, await notices()]).toEqual([[], []]);
  });

  it.each<[string, unknown]>([
    ["not JSON", "{"],
    ["nothing", ""],
    ["null", "null"],
    ["a list", "[]"],
    ["without settings", { createdAt: record.createdAt }],
    ["with an invalid date", { ...record, createdAt: "2026-99-99" }],
    ["with a network that is no text", { ...record, settings: { ...settings, network: {} } }],
    ["with an endless network", { ...record, settings: { ...settings, network: "x".repeat(5000) } }],
    [
      "with a seed beyond numbers",
      '{"createdAt":"2026-01-01","settings":{"network":"a","unfreeze":"none","seed":1e999,"classWeights":"none"}}',
    ],
    ["of a megabyte", { ...record, more: "x".repeat(2 ** 20) }],
  ])("whose run.json is %s: not shown, said, and left alone; the others are there", async (_, content) => {
    const folder = run({ "run.json": content });
    run({}, "20260101-000001");
    const before = readFileSync(join(folder, "run.json"), "utf8");
    await open();
    expect((await runs()).map(({ id }) => id)).toEqual(["20260101-000001"]);
    expect(said).toEqual([expect.stringContaining(`.graft/runs/${ID} cannot be shown`)]);
    expect(await notices()).toEqual(said);
    for (const rest of ["", "/results", "/files/model.onnx", "/page"])
      expect((await refused(`/api/runs/${ID}${rest}`))[0], rest).toBe(422);
    for (const rest of ["/resume", "/predict"]) expect((await refused(`/api/runs/${ID}${rest}`, "POST"))[0]).toBe(422);
    expect((await refused(`/api/runs/${ID}`, "DELETE"))[0]).toBe(422);
    expect(readFileSync(join(folder, "run.json"), "utf8")).toBe(before);
  });

  const oneClass = { ...evaluation, perClass: [], confusion: [] };
  it.each<[string, Readonly<Record<string, unknown>>]>([
    ["metrics.json is damaged", { "metrics.json": "{" }],
    [
      "metrics have infinite numbers",
      { "metrics.json": JSON.stringify(metrics).replace('"total":1', '"total":1e999') },
    ],
    ["metrics are of other classes than there are", { "metrics.json": { ...metrics, test: oneClass } }],
    ["classes are no texts", { "metrics.json": { ...metrics, classes: [1, 2] } }],
    ["graft.json is damaged", { "graft.json": "[]" }],
    ["report names another model", { "report.html": `<meta name="modelSha256" content="${"a".repeat(64)}">` }],
  ])("whose %s: failed, with the reason, and nothing of it is served", async (_, changes) => {
    run(changes);
    await open();
    expect((await runs()).map(({ state }) => state.kind)).toEqual(["failed"]);
    for (const rest of ["/results", "/files/report.html", "/page"])
      expect((await refused(`/api/runs/${ID}${rest}`))[0], rest).toBe(400);
  });

  it.each<[string, unknown]>([
    ["of a class that the run does not have", { ...answers, answers: [{ ...answer, prediction: 2 }] }],
    ["of no class", { ...answers, answers: [{ ...answer, truth: -1 }] }],
    ["of half a class", { ...answers, answers: [{ ...answer, truth: 0.5 }] }],
    ["in no list", { ...answers, answers: {} }],
  ])("with answers %s: no results", async (_, content) => {
    run({ "answers.json": content });
    await open();
    expect((await refused(`/api/runs/${ID}/results`))[0]).toBe(422);
  });

  it("with three million empty lists: refused before they are made", async () => {
    run({ "answers.json": `{"answers":[${"[],".repeat(3e6)}[]]}` });
    await open();
    expect(said[0]).toContain("answers.json has more values than Graft writes there");
  });

  it("whose log is of any length and making: bounded, and read in time", async () => {
    const epoch = (i: number): string =>
      JSON.stringify({ event: "epoch", epoch: { epoch: i, loss: 1, validationAccuracy: 1 } });
    const lines = [
      ...["#begins", "x".repeat(200_000), '{"event":"epoch","epoch":{"epoch":-1,"loss":1,"validationAccuracy":1}}'],
      ...Array.from({ length: 60_000 }, (_, i) => epoch(i + 1)),
      ...Array.from({ length: 200 }, (_, i) => `note ${i}\u001b[2J`),
    ];
    run({ "events.log": lines.join("\n"), "model.onnx": undefined });
    await open();
    const [one] = await runs();
    expect([one!.epochs.length, one!.notes.length]).toEqual([20_000, 50]);
    expect(one!.notes.at(-1)).toBe("note 199\\u001b[2J");
  });

  it.each<[string, string]>([
    ["a network that is not in the table", "/tmp/evil.onnx"],
    ["an option for a network", "--out=/tmp/evil"],
    ["a network from elsewhere", "hf:evil/evil/evil.onnx"],
  ])("that would go on with %s: does not", async (_, network) => {
    const folder = run({ "run.json": { ...record, settings: { ...settings, network } }, "model.onnx": undefined });
    await open();
    expect((await runs())[0]!.state).toEqual({ kind: "stopped" });
    expect((await refused(`/api/runs/${ID}/resume`, "POST"))[0]).toBe(400);
    expect(readFileSync(join(folder, "events.log"), "utf8")).toBe("#begins\n");
  });
});

describe.skipIf(isWindows)("links and pipes in a training's folder", () => {
  const names = ["run.json", "metrics.json", "answers.json", "model.onnx", "report.html", "events.log", "output.json"];

  it.each([...names, "graft.json", "checkpoint.safetensors", "stop", ".graft-lock", ".graft-files"])(
    "%s that leads elsewhere: nothing is read or written through it",
    async (name) => {
      const folder = run({ [name]: undefined });
      symlinkSync(name.startsWith(".") ? outside : join(outside, "secret.json"), join(folder, name));
      await open();
      expect([await runs(), said]).toEqual([[], [expect.stringContaining(`its ${name} is a link or a pipe`)]]);
      for (const file of ["metrics.json", "model.onnx", "answers.json", "report.html"])
        expect((await refused(`/api/runs/${ID}/files/${file}`))[0]).toBe(422);
      for (const what of ["resume", "stop"])
        expect([400, 422]).toContain((await refused(`/api/runs/${ID}/${what}`, "POST"))[0]);
      expect((await refused(`/api/runs/${ID}`, "DELETE"))[0]).toBe(422);
    },
  );

  it.each(["run.json", "events.log", "metrics.json"])("%s that is a pipe: not waited for", async (name) => {
    execFileSync("mkfifo", [join(run({ [name]: undefined }), name)]);
    await open();
    expect(await runs()).toEqual([]);
  });

  it("a folder that is a link: not a training", async () => {
    run();
    rmSync(join(root, ".graft/runs", ID), { recursive: true });
    symlinkSync(outside, join(root, ".graft/runs", ID));
    await open();
    expect([await runs(), said]).toEqual([[], [expect.stringContaining("it is not a folder of its own")]]);
    expect((await refused(`/api/runs/${ID}`, "DELETE"))[0]).toBe(422);
  });
});

describe("a lock", () => {
  it("says that a process of this machine is at work: that process gets no signal, the training is asked by a file", async () => {
    const folder = run({ "model.onnx": undefined });
    mkdirSync(join(folder, ".graft-lock"));
    writeFileSync(join(folder, ".graft-lock", ownerName()), "");
    let signals = 0;
    const count = (): void => void signals++;
    process.on("SIGINT", count);
    try {
      await open();
      expect((await runs())[0]!.state.kind).toBe("running");
      expect((await studio!.ask(`/api/runs/${ID}/stop`, { method: "POST" })).status).toBe(202);
      expect(existsSync(join(folder, "stop"))).toBe(true);
      rmSync(join(folder, ".graft-lock"), { recursive: true });
      await expect.poll(async () => (await runs())[0]!.state.kind).toBe("stopped");
      expect(signals).toBe(0);
    } finally {
      process.off("SIGINT", count);
    }
  });

  it("with other files in it: they are not a lock's, and stay", async () => {
    const before = new Date(Date.now() - 3_600_000);
    for (const folder of [join(root, ".graft/lock"), join(run({ "model.onnx": undefined }), ".graft-lock")]) {
      mkdirSync(folder, { recursive: true });
      for (const name of ["thesis.tex", "a-b-c-d"]) {
        writeFileSync(join(folder, name), "");
        utimesSync(join(folder, name), before, before);
      }
    }
    await open();
    expect((await runs())[0]!.state.kind).toBe("stopped");
    for (const folder of ["lock", `runs/${ID}/.graft-lock`])
      expect(readdirSync(join(root, ".graft", folder))).toEqual(expect.arrayContaining(["thesis.tex", "a-b-c-d"]));
  });

  it("of a studio that runs: a second one says so in a sentence, and leaves the first alone", async () => {
    await open();
    await expect(startStudio(root)).rejects.toThrow(
      /^Another studio has opened the project .*: use the link that it printed, or stop it and start again \(if none is running, delete .*\)\.$/,
    );
    expect((await studio!.ask("/api/project")).status).toBe(200);
  });
});

describe("what else may lie in .graft", () => {
  it("a token: not accepted, removed, and said", async () => {
    mkdirSync(join(root, ".graft"));
    const token = "0".repeat(48);
    writeFileSync(join(root, ".graft/token"), token, { mode: 0o600 });
    await open();
    expect(said).toEqual([expect.stringContaining(".graft/token was removed")]);
    const options = { known: false, headers: { Authorization: `Bearer ${token}` } };
    expect((await studio!.ask("/api/project", options)).status).toBe(401);
    expect(existsSync(join(root, ".graft/token"))).toBe(false);
  });

  it.each<[string, unknown]>([
    ["not JSON", "{"],
    ["another kind", { kind: "running", words: "for ever" }],
    ["of no candidates", { kind: "ranked", best: null, reason: "x", pictures: 1 }],
    ["of infinite numbers", '{"kind":"ranked","best":null,"reason":"x","pictures":1e999,"candidates":[]}'],
  ])("a comparison that is %s: none, and said", async (_, content) => {
    mkdirSync(join(root, ".graft"));
    writeFileSync(
      join(root, ".graft/recommendation.json"),
      typeof content === "string" ? content : JSON.stringify(content),
    );
    await open();
    expect((await studio!.json<Recommendation>("/api/recommendation")).kind).toBe("none");
    expect(said).toEqual([expect.stringContaining("The saved comparison of networks cannot be read")]);
  });

  it.skipIf(isWindows)(
    "thumbnails that are none, too large, or links: made again, and nothing is written elsewhere",
    async () => {
      await open();
      const ask = (): ReturnType<TestStudio["ask"]> => studio!.ask("/api/thumbnails/tile/circle/000.png");
      const first = await ask();
      expect(first.status).toBe(200);
      const place = join(root, ".graft/thumbnails");
      const [kept] = (readdirSync(place, { recursive: true }) as string[]).filter((name) =>
        name.endsWith(".thumbnail"),
      );
      const file = join(place, kept!);
      const large = await sharp({ create: { width: 4000, height: 4000, channels: 3, background: "red" } })
        .webp()
        .toBuffer();
      for (const bytes of ["<script>alert(1)</script>", large, Buffer.alloc(5 * 2 ** 20)]) {
        writeFileSync(file, bytes);
        expect((await ask()).body).toBe(first.body);
      }
      writeFileSync(join(work, "other.webp"), large);
      rmSync(file);
      symlinkSync(join(work, "other.webp"), file);
      expect((await ask()).body).toBe(first.body);
      expect(readFileSync(join(work, "other.webp")).equals(large)).toBe(true);
      rmSync(join(file, ".."), { recursive: true });
      symlinkSync(outside, join(file, ".."));
      expect((await ask()).body).toBe(first.body);
    },
  );
});

describe("a report", () => {
  const shown = `<p onclick="fetch('/api/project')">A report.</p>`;

  it("is shown without scripts and with an origin of its own; as a download it is a file", async () => {
    run({ "report.html": shown });
    await open();
    const view = await studio!.ask(`/api/runs/${ID}/files/report.html?view`);
    expect([view.status, view.body]).toEqual([200, shown]);
    const policy = view.headers["content-security-policy"] as string;
    expect(policy).toMatch(/^default-src 'none';.*; sandbox$/);
    expect(policy).not.toMatch(/script-src|allow-/);
    expect(view.headers["x-content-type-options"]).toBe("nosniff");
    for (const path of [`files/report.html`, `files/metrics.json?view`, "page"]) {
      const { headers } = await studio!.ask(`/api/runs/${ID}/${path}`);
      expect(headers["content-disposition"], path).toMatch(/^attachment/);
      expect(headers["content-security-policy"]).toBe("sandbox");
    }
  });

  it.each([
    "<script>fetch('/api/project')</script>",
    '<p>x<IFRAME src="https://evil.example/">',
    "<link\nrel=preconnect href=https://evil.example>",
    "<base/href=https://evil.example>",
    "<form action=https://evil.example>",
    "\u00e9<object data=x>",
    Buffer.from("\ufeff<script>x</script>", "utf16le"),
  ])("with %j, which Graft never writes: not shown, and still a file to download", async (html) => {
    const folder = run({ "report.html": "" });
    writeFileSync(join(folder, "report.html"), html);
    await open();
    expect(await refused(`/api/runs/${ID}/files/report.html?view`)).toEqual([
      422,
      expect.stringContaining("not written by Graft"),
    ]);
    expect((await studio!.ask(`/api/runs/${ID}/files/report.html`)).status).toBe(200);
  });
});

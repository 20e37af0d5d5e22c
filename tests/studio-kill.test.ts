/** `kill -9` of the studio during uploads, and of a training: nothing that was accepted or computed is lost. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { holderOf } from "../src/base/lock.ts";
import type { RunInfo, RunSettings } from "../src/studio/api.ts";
import { posting, spawnStudio, startStudio } from "../src/studio/testing.ts";
import { tinyNetwork } from "./support/network.ts";
import { drawShape, encode, writeShapes } from "./support/pictures.ts";

const work = mkdtempSync(join(tmpdir(), "graft-studio-kill-"));

test("every image that was accepted is there, whole; of those that were not, nothing", async () => {
  const folder = join(work, "uploads");
  const studio = await spawnStudio(folder);
  const pictures = await Promise.all(
    Array.from({ length: 8 }, (_, i) => encode(drawShape("circle", 90, 90, i), "png")),
  );
  const accepted: { id: string; bytes: Buffer }[] = [];
  let refused = 0;
  const upload = async (from: number): Promise<void> => {
    for (let i = from; refused === 0; i += 6) {
      const bytes = pictures[i % pictures.length]!;
      const answer = await fetch(`${studio.url}api/classes/bee/pictures?name=${i}.png`, {
        method: "POST",
        headers: { Authorization: `Bearer ${studio.token}` },
        body: new Uint8Array(bytes),
      }).then(
        (response) => response.json() as Promise<{ id: string }>,
        () => undefined,
      );
      if (answer) accepted.push({ id: answer.id, bytes });
      else refused++;
    }
  };
  const uploads = [0, 1, 2, 3, 4, 5].map(upload);
  await expect.poll(() => accepted.length, { timeout: 60_000 }).toBeGreaterThan(30);
  await studio.kill();
  await Promise.all(uploads);
  for (const { id, bytes } of accepted) expect(readFileSync(join(folder, id)).equals(bytes), id).toBe(true);
  for (const name of readdirSync(join(folder, "bee")))
    expect(
      pictures.some((bytes) => bytes.equals(readFileSync(join(folder, "bee", name)))),
      name,
    ).toBe(true);
  // The next start removes incomplete uploads, and takes over the dead process's lock.
  const next = await startStudio(folder);
  expect(readdirSync(join(folder, ".graft"))).not.toContain("incoming");
  await next.close();
});

describe("a training whose process is killed", () => {
  const folder = join(work, "training");
  const network = join(work, "slow.onnx");
  const settings: RunSettings = { network, unfreeze: "all", epochs: 2000, seed: 0, classWeights: "none" };
  let studio: Awaited<ReturnType<typeof startStudio>>;
  const cache = process.env.GRAFT_CACHE;
  beforeAll(async () => {
    process.env.GRAFT_CACHE = join(work, "cache");
    writeFileSync(network, tinyNetwork());
    // Enough images for the validation part of a single training.
    await writeShapes(folder, { circle: 300, square: 300 });
    studio = await startStudio(folder, [{ path: network, preprocessing: "imagenet" }]);
  });
  afterAll(async () => {
    await studio.close();
    if (cache === undefined) delete process.env.GRAFT_CACHE;
    else process.env.GRAFT_CACHE = cache;
  });

  const stateOf = async (id: string): Promise<RunInfo> => studio.json<RunInfo>(`/api/runs/${id}`);

  test("is shown, resumes where it was, stops on request with its results so far, and can be discarded", async () => {
    const { id } = await studio.json<RunInfo>("/api/runs", posting(settings));
    await expect.poll(async () => (await stateOf(id)).epochs.length, { timeout: 60_000 }).toBeGreaterThan(2);
    expect((await studio.ask("/api/runs", posting(settings))).status).toBe(409);
    expect((await studio.ask(`/api/runs/${id}`, { method: "DELETE" })).status).toBe(400);
    process.kill((await holderOf(join(folder, ".graft/runs", id, ".graft-lock")))!.pid!, "SIGKILL");
    await expect
      .poll(async () => (await stateOf(id)).state, { timeout: 10_000 })
      .toMatchObject({ kind: "failed", reason: expect.stringContaining("SIGKILL") });
    const before = (await stateOf(id)).epochs.length;
    await studio.json(`/api/runs/${id}/resume`, { method: "POST" });
    await expect.poll(async () => (await stateOf(id)).epochs.length, { timeout: 60_000 }).toBeGreaterThan(before);
    // From the checkpoint, not from the beginning: no epoch is reported twice, none is missing.
    const { epochs } = await stateOf(id);
    expect(epochs.map(({ epoch }) => epoch)).toEqual(epochs.map((_, i) => i + 1));
    await studio.json(`/api/runs/${id}/stop`, { method: "POST" });
    await expect.poll(async () => (await stateOf(id)).state.kind, { timeout: 20_000 }).toBe("stopped");
    await studio.json(`/api/runs/${id}`, { method: "DELETE" });
    expect(await studio.json("/api/runs")).toEqual([]);
    expect(readdirSync(join(folder, ".graft/runs"))).toEqual([]);
  });

  test("a head: trained, asked, exported; all by the routes that the page uses", async () => {
    const { id } = await studio.json<RunInfo>(
      "/api/runs",
      posting({ network, unfreeze: "none", seed: 0, classWeights: "none" }),
    );
    await expect.poll(async () => (await stateOf(id)).state.kind, { timeout: 60_000 }).toBe("done");
    const picture = readFileSync(join(folder, "circle/001.jpeg"));
    const { answers } = await studio.json<{ answers: { label: string; probability: number }[] }>(
      `/api/runs/${id}/predict`,
      { method: "POST", body: picture },
    );
    expect(answers.map(({ label }) => label).sort()).toEqual(["circle", "square"]);
    expect(answers.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
    expect((await studio.ask(`/api/runs/${id}/predict`, { method: "POST", body: "no picture" })).status).toBe(422);
    const report = await studio.ask(`/api/runs/${id}/files/report.html?view`);
    expect(report.headers["content-security-policy"]).toMatch(/default-src 'none'.*sandbox/);
    expect((await studio.ask(`/api/runs/${id}/files/run.json`)).status).toBe(400);
    const page = await studio.ask(`/api/runs/${id}/page`);
    expect(page.headers["content-disposition"]).toMatch(/^attachment/);
    expect(page.body).toContain(readFileSync(join(folder, ".graft/runs", id, "model.onnx")).toString("base64"));
    expect(page.body).not.toMatch(/(?:src|href)="(?!data:|blob:)[^"#]/);
  });
});

import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { heardNotices } from "../../../tests/support/notices.ts";
import { knownSpeeds, MIN_IMAGES, rememberSpeed } from "./remembered.ts";

heardNotices();

describe("speeds of this machine", () => {
  let cache: string;
  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), "graft-speeds-"));
    vi.stubEnv("GRAFT_CACHE", cache);
  });
  afterEach(() => vi.unstubAllEnvs());

  it("are remembered by network, the latest counts, and too few images count for nothing", async () => {
    expect(await knownSpeeds()).toEqual(new Map());
    await rememberSpeed("resnet50", 500, 30);
    await Promise.all([rememberSpeed("resnet50", 500, 40), rememberSpeed("vgg16", MIN_IMAGES, 10)]);
    await rememberSpeed("resnet50", MIN_IMAGES - 1, 1);
    expect(await knownSpeeds()).toEqual(
      new Map([
        ["resnet50", 40],
        ["vgg16", 10],
      ]),
    );
  });

  it("are forgotten where the file is damaged", async () => {
    await rememberSpeed("resnet50", 500, 30);
    const [file] = readdirSync(join(cache, "speeds")).filter((name) => name.endsWith(".json"));
    writeFileSync(join(cache, "speeds", file!), "{");
    expect(await knownSpeeds()).toEqual(new Map());
  });
});

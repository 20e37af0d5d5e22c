/** The sample that needs the npm registry or its cached files. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { GraftError, messageOf } from "../base/errors.ts";
import { emojiSample, layOutSample } from "./samples.ts";

/** Why the sample is not available: no registry and nothing cached. Any other failure fails the test. */
async function obstacle(): Promise<string | undefined> {
  try {
    await emojiSample.gather({});
    return undefined;
  } catch (error) {
    if (error instanceof GraftError && /^Could not fetch|does not have|refused/.test(error.message))
      return messageOf(error);
    throw error;
  }
}

const reason = await obstacle();
const root = await mkdtemp(join(tmpdir(), "graft-emoji-"));
afterAll(() => rm(root, { recursive: true, force: true }));

describe.skipIf(reason)(
  `the sample emoji${reason ? ` (skipped: no npm registry, nothing cached: ${reason})` : ""}`,
  () => {
    it("has 1,852 images in Unicode's nine groups", async () => {
      const folder = join(root, "emoji");
      expect(await layOutSample(emojiSample, folder)).toEqual({
        folder,
        classes: [
          "activities",
          "animals-nature",
          "flags",
          "food-drink",
          "objects",
          "people-body",
          "smileys-emotion",
          "symbols",
          "travel-places",
        ],
        images: emojiSample.images,
        alreadyThere: false,
      });
      expect(await layOutSample(emojiSample, folder, { offline: true })).toMatchObject({
        images: 1852,
        alreadyThere: true,
      });
    });
  },
);

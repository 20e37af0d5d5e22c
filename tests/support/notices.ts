/** Collects notices of damaged files in the cache for a test; otherwise they would be printed. */
import { afterAll, beforeAll, beforeEach } from "vitest";
import { onNotice } from "../../src/base/sealed.ts";

/** The notices of the present test. */
export function heardNotices(): string[] {
  const heard: string[] = [];
  let stop: () => void;
  beforeAll(() => {
    stop = onNotice((text) => void heard.push(text));
  });
  beforeEach(() => void heard.splice(0));
  afterAll(() => stop());
  return heard;
}

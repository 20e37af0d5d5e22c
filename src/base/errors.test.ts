import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { errorCodes, GraftError } from "./errors.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("every code is documented, and no other", () => {
  const text = readFileSync(join(root, "docs", "errors.md"), "utf8");
  const rows = [...text.matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm)].map(([, code, meaning]) => [code, meaning]);
  expect(rows.slice(-Object.keys(errorCodes).length)).toEqual(Object.entries(errorCodes));
});

test("an error without a code has the code of its kind", () => {
  expect(new GraftError("data", "x").code).toBe("data-unusable");
  expect(new GraftError("usage", "x").code).toBe("usage-invalid");
  expect(new GraftError("work", "x").code).toBe("work-failed");
  expect(new GraftError("data", "x", { code: "too-few-images" }).code).toBe("too-few-images");
});

/** Code that decides by the words of an error. */
const READS =
  /(?:\.message|messageOf\([^)]*\))\s*(?:\.(?:includes|startsWith|endsWith|match|search|indexOf)\(|===|!==)|\.test\([^)]*\.message/;

test("no program logic reads a message", () => {
  const files = ["src", "studio"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.tsx?$/.test(name) && !/\.test\.tsx?$/.test(name))
      .map((name) => join(folder, name)),
  );
  expect(files.length).toBeGreaterThan(100);
  const reading = files.filter((file) => READS.test(readFileSync(join(root, file), "utf8")));
  // Node's error for a transfer that was cut off has no code.
  expect(reading).toEqual([join("src", "hub", "npm", "npm-fetch.ts")]);
  expect(READS.test("if (error.message.includes('x'))") && READS.test("/x/.test(error.message)")).toBe(true);
});

import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { withoutWildcards } from "./process.ts";

const folder = mkdtempSync(join(tmpdir(), "graft-wildcards-"));
for (const name of ["cats", "dogs (old)"]) mkdirSync(join(folder, name));
for (const path of [
  "cats/b.jpg",
  "cats/a.JPG",
  "cats/.c.jpg",
  "cats/notes.txt",
  "dogs (old)/d.jpg",
  "dogs (old)/dd.jpg",
])
  writeFileSync(join(folder, path), "");
const at = (...steps: string[]): string => join(folder, ...steps);

it.each([
  ["*", [["cats"], ["dogs (old)"]]],
  [
    "cats/*.jpg",
    [
      ["cats", "a.JPG"],
      ["cats", "b.jpg"],
    ],
  ],
  ["cats/.*", [["cats", ".c.jpg"]]],
  [
    "*/?.jpg",
    [
      ["cats", "a.JPG"],
      ["cats", "b.jpg"],
      ["dogs (old)", "d.jpg"],
    ],
  ],
  [
    "dogs (old)/d*.jpg",
    [
      ["dogs (old)", "d.jpg"],
      ["dogs (old)", "dd.jpg"],
    ],
  ],
  ["c*/notes.txt", [["cats", "notes.txt"]]],
] as const)("%s stands for what is there", (pattern, expected) => {
  expect(withoutWildcards(["predict", `${folder}/${pattern}`])).toEqual([
    "predict",
    ...expected.map((steps) => at(...steps)),
  ]);
});

it("leaves flags, plain names and patterns without a file as they are", () => {
  const args = ["--allow-host", "*.example.com", "--exclude=*.jpg", `${folder}/nothing/*.jpg`, "cats", "what?"];
  expect(withoutWildcards(args)).toEqual(args);
});

/** The tables against torchvision's and Keras' own lists: every name and shape of every network that both have. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { architectures, define } from "../architectures/architecture-registry.ts";
import { namingsOf } from "./family-names.ts";
import { dialectOf, type NamingKind } from "./naming.ts";
import { storedDims } from "./weight-layout.ts";

/** Made by bench/reference/weight_names.py: how many parameters, and a digest of the lines "name d,d,d", sorted. */
const fixture = JSON.parse(readFileSync(new URL("fixtures/names.json", import.meta.url), "utf8")) as Record<
  "torchvision" | "keras",
  Record<string, { count: number; sha256: string }>
>;

/** The lines that the table expects in a file. */
function lines(architecture: string, kind: NamingKind): string[] {
  const row = namingsOf(architecture).find((each) => each.kind === kind)!;
  const definition = define(architecture, { dialect: dialectOf[kind] });
  const naming = row.of(definition);
  return [...definition.parameters].map(([name, { dims }]) => {
    const { names, layout } = naming.source(name, dims)!;
    return `${names[0]} ${storedDims(layout, dims)}`;
  });
}

/** As Python sorts. */
const digest = (all: readonly string[]): string =>
  createHash("sha256")
    .update([...all].sort().join("\n"))
    .digest("hex");

/** Networks whose names in torchvision are timm's. */
const SAME_NAMES = /^(resnet|inception)/;

const cases = (["torchvision", "keras"] as const).flatMap((library) =>
  Object.entries(fixture[library]).map(([architecture, wanted]) => ({ library, architecture, wanted })),
);

describe("names and shapes are those of the library", () => {
  test.each(cases)("$library $architecture", ({ library, architecture, wanted }) => {
    const ours = lines(architecture, library === "torchvision" && SAME_NAMES.test(architecture) ? "timm" : library);
    expect(new Set(ours).size).toBe(wanted.count);
    expect(digest(ours)).toBe(wanted.sha256);
  });
});

test("every naming covers every parameter of its architectures, each once", () => {
  for (const architecture of architectures.keys()) {
    for (const { kind } of namingsOf(architecture)) {
      const ours = lines(architecture, kind);
      expect(new Set(ours.map((line) => line.split(" ")[0])).size, `${architecture} ${kind}`).toBe(ours.length);
    }
  }
});

/** Each check on a hand-made subject: what it reports and what it does not. */
import { describe, expect, it } from "vitest";
import type { Split } from "../../data/dataset/discover.ts";
import type { Traits } from "../../data/image/traits.ts";
import { checks } from "../audit.ts";
import type { AuditedImage, Subject } from "../check.ts";
import { suspectsOf } from "../check.ts";
import type { LabelEvidence } from "../labels/label-evidence.ts";

const CLASSES = ["cat", "dog", "owl"];

const ordinary: Traits = {
  width: 300,
  height: 200,
  bytes: 20_000,
  format: "jpeg",
  camera: undefined,
  brightness: 0.5,
  contrast: 0.2,
  saturation: 0.3,
  sharpness: 0.05,
  border: { red: 0.4, green: 0.4, blue: 0.4, spread: 0.1 },
  signature: {
    colour: Uint8Array.from({ length: 768 }, (_, i) => (i * 37) % 256),
    detail: Uint8Array.from({ length: 4096 }, (_, i) => (i * 37) % 256),
  },
};

/** Deterministic noise. */
const jitter = (at: number): number => (((at * 7919) % 101) / 101 - 0.5) * 0.1;

interface Made {
  readonly traits?: Partial<Traits>;
  readonly split?: Split;
  readonly label?: number;
  readonly subfolder?: string;
}

/** Evidence that all labels are correct. */
const evidenceOf = (probabilities: Float32Array, rest: Partial<LabelEvidence> = {}): LabelEvidence => ({
  judges: ["a scorer"],
  rate: 0,
  interval: [0, 0],
  probabilities,
  wrong: new Float32Array(90),
  shows: Int32Array.from({ length: 90 }, (_, at) => (at + 1) % 3),
  strong: new Uint8Array(90),
  ...rest,
});

/** Thirty images per class, in turn; `change` alters some of them. */
function subject(change: (at: number, label: number) => Made = () => ({}), rest: Partial<Subject> = {}): Subject {
  const images = Array.from({ length: 90 }, (_, at): AuditedImage => {
    const made = change(at, at % 3);
    const border = { ...ordinary.border, red: 0.4 + jitter(at), spread: 0.1 + jitter(at + 50) };
    const traits = {
      ...ordinary,
      brightness: 0.5 + jitter(at + 9),
      sharpness: 0.05 * (1 + jitter(at)),
      border,
      ...made.traits,
    };
    return {
      path: `/data/${at}.jpg`,
      name: `${at}.jpg`,
      subfolder: made.subfolder ?? "",
      label: made.label ?? at % 3,
      split: made.split,
      sha256: String(at),
      traits,
    };
  });
  const predicted = Float32Array.from({ length: 270 }, (_, i) => (i % 3 === Math.floor(i / 3) % 3 ? 0.9 : 0.05));
  const ownDistance = Float32Array.from({ length: 90 }, (_, at) => 0.3 + jitter(at));
  return {
    classes: CLASSES,
    images,
    unreadable: [],
    evidence: evidenceOf(predicted),
    neighbours: { votes: predicted, ownDistance, nearestDistance: ownDistance, references: 90 },
    copies: { groups: [], links: [], compared: 0 },
    groups: Int32Array.from(images.keys()),
    ...rest,
  };
}

const found = (of: Subject, name: string) => checks.find((check) => check.name === name)!.find(of);
const reported = (of: Subject, name: string): string[] =>
  found(of, name).flatMap((finding) => suspectsOf(finding).map(({ path }) => path));

describe("a dataset without faults", () => {
  it("has no findings", () => expect(checks.flatMap((check) => check.find(subject()))).toEqual([]));
});

describe("label-errors", () => {
  const doubted = (wrong: Record<number, number>, strong: readonly number[]): Subject => {
    const plain = evidenceOf(subject().evidence.probabilities);
    const evidence = { ...plain, wrong: plain.wrong.slice(), strong: plain.strong.slice() };
    for (const [at, probability] of Object.entries(wrong)) evidence.wrong[Number(at)] = probability;
    for (const at of strong) evidence.strong[at] = 1;
    return subject(() => ({}), { evidence });
  };

  it("reports strong and weak evidence apart, each with the expected number of wrong labels", () => {
    const [strongest, weak] = found(doubted({ 0: 0.97, 4: 0.99, 7: 0.75, 8: 0.95, 9: 0.3 }, [0, 4]), "label-errors");
    expect(strongest).toMatchObject({
      title: "2 images are probably in the wrong class: expect 2.0 wrong labels among them, and 0.0 right ones.",
      severity: "harmful",
    });
    expect(strongest!.expected!.right).toBeCloseTo(1.96, 5);
    expect(suspectsOf(strongest!).map(({ path, why, fix }) => [path, why, fix])).toEqual([
      ["/data/4.jpg", "looks like owl", "quarantine"],
      ["/data/0.jpg", "looks like dog", "quarantine"],
    ]);
    // 8 is improbable, but the neighbours do not agree: it is worth a look and not moved by default.
    expect(weak).toMatchObject({
      title: "The labels of 2 images are worth a look: expect 1.7 wrong labels among them, and 0.3 right ones.",
      severity: "worth knowing",
    });
    expect(suspectsOf(weak!).map(({ path, fix }) => [path, fix])).toEqual([
      ["/data/8.jpg", "ask"],
      ["/data/7.jpg", "ask"],
    ]);
  });

  it("reports the probability for a single image", () =>
    expect(found(doubted({ 3: 0.623 }, []), "label-errors").map(({ title }) => title)).toEqual([
      "The label of 1 image is worth a look: it is wrong with a probability of 62%.",
    ]));
});

describe("copies", () => {
  const groups = [
    [0, 3],
    [1, 4, 7],
    [2, 3 + 1],
  ];
  const links = groups.map(([a, b]) => ({ a: a!, b: b!, kinship: "same picture" as const, likeness: 0.995 }));
  const of = subject((at) => ({ split: at === 3 ? "test" : "train" }), { copies: { groups, links, compared: 5 } });

  it("across splits: the test's copy is kept", () => {
    const [finding] = found(of, "leaks");
    expect(finding!.groups[0]!.map(({ path, fix }) => [path, fix])).toEqual([
      ["/data/3.jpg", "keep"],
      ["/data/0.jpg", "quarantine"],
    ]);
    expect(finding!.title).toContain("test, training");
  });

  it("within a class: one is kept", () => {
    const [finding] = found(of, "copies");
    expect(finding!.groups[0]!.map(({ fix }) => fix)).toEqual(["keep", "quarantine", "quarantine"]);
  });

  it("with different labels: all go", () => {
    const [finding] = found(of, "conflicting-copies");
    expect(finding!.groups[0]!.map(({ why, fix }) => [why, fix])).toEqual([
      ["the same image is in owl and dog", "quarantine"],
      ["the same image is in owl and dog", "quarantine"],
    ]);
  });
});

describe("off-topic", () => {
  it("reports an image far from its own class", () => {
    const of = subject();
    const ownDistance = of.neighbours.ownDistance.slice();
    ownDistance[5] = 0.9;
    expect(reported({ ...of, neighbours: { ...of.neighbours, ownDistance } }, "off-topic")).toEqual(["/data/5.jpg"]);
  });
});

describe("clustered off-topic images", () => {
  const apart = (votes: readonly number[]): Subject => {
    const of = subject();
    const [ownDistance, nearestDistance] = [of.neighbours.ownDistance.slice(), of.neighbours.nearestDistance.slice()];
    const all = of.neighbours.votes.slice();
    ownDistance[5] = 0.42;
    nearestDistance[5] = 0.1;
    all.set(votes, 15);
    return { ...of, neighbours: { ...of.neighbours, ownDistance, nearestDistance, votes: all } };
  };

  it("are reported if their neighbours are of several classes", () =>
    expect(reported(apart([0.4, 0.4, 0.2]), "off-topic")).toEqual(["/data/5.jpg"]));

  it("are left to label-errors if those are of one class", () =>
    expect(reported(apart([0.9, 0.1, 0]), "off-topic")).toEqual([]));
});

describe("shortcuts", () => {
  const titles = (change: (at: number, label: number) => Made): string[] =>
    found(subject(change), "shortcuts").map(({ title }) => title);

  it("report a class with a border of its own", () => {
    const red = { red: 0.8, green: 0.1, blue: 0.1, spread: 0.01 };
    expect(titles((_, label) => (label === 1 ? { traits: { border: red } } : {}))).toEqual([
      'By the colour of the border alone, 100% of "dog" are found, and 0% of the others are taken for it.',
    ]);
  });

  it.each([
    ["brightness", { brightness: 0.9 }],
    ["size in pixels", { width: 640, height: 427 }],
    ["file format", { format: "png" }],
    ["camera", { camera: "Nikon D70" }],
  ] as const)("report a class with another %s", (name, traits) => {
    expect(titles((_, label) => (label === 2 ? { traits } : {})).join()).toContain(`the ${name} alone, 100% of "owl"`);
  });

  it("report a class with a sub-folder of its own", () => {
    expect(titles((_, label) => (label === 0 ? { subfolder: "web" } : {})).join()).toContain("the folder below");
  });

  it("ignore a property that half of every class has", () => {
    expect(titles((at) => ({ traits: { camera: at % 2 === 0 ? "A" : "B" } }))).toEqual([]);
  });
});

describe("imbalance", () => {
  it("is reported with the counts of training images", () => {
    const [ratio, few] = found(
      subject((at, label) => (label === 2 && at > 10 ? { label: 0 } : {})),
      "imbalance",
    );
    expect(ratio!.title).toBe('"cat" has 57 training images and "owl" 3.');
    expect(few!.title).toBe('"owl" has fewer than 10 training images.');
  });
});

describe("confusable", () => {
  it("reports two classes that cannot be told apart", () => {
    const predicted = Float32Array.from({ length: 270 }, (_, i) => {
      const [at, c] = [Math.floor(i / 3), i % 3];
      if (at % 3 === 2) return c === 2 ? 0.9 : 0.05;
      return c === 2 ? 0.1 : c === (at * 7) % 2 ? 0.5 : 0.4;
    });
    const findings = found(
      subject(() => ({}), { evidence: evidenceOf(predicted) }),
      "confusable",
    );
    expect(findings.map(({ title }) => title)).toEqual([
      expect.stringMatching(/^"cat" and "dog" are hard to tell apart: \d\d% of their images/),
    ]);
  });
});

describe("poor images", () => {
  it.each([
    ["blank", { contrast: 0.001 }],
    ["dark", { brightness: 0.02 }],
    ["blurred", { sharpness: 0.001 }],
    ["tiny", { width: 20, height: 30 }],
    ["long", { width: 900, height: 100 }],
  ] as const)("%s", (name, traits) => {
    const of = subject((at) => (at === 7 ? { traits } : {}));
    expect(reported(of, name)).toEqual(["/data/7.jpg"]);
    expect(found(of, name)[0]!.title).toMatch(/^1 image is .*\.$/);
  });

  it("that cannot be read are reported with the reason", () => {
    const unreadable = [{ path: "/data/x.jpg", reason: "the file is empty", label: 0, split: undefined }];
    const [finding] = found(
      subject(() => ({}), { unreadable }),
      "unreadable",
    );
    expect(suspectsOf(finding!)[0]).toMatchObject({ why: "the file is empty", label: "cat", fix: "quarantine" });
  });
});

/**
 * Damages files of the cache and checks the result: the same result as without the damage, or an error that says what
 * is wrong; never another result. The test does it briefly, `npm run bench -- integrity` long.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { GraftError, messageOf } from "../../src/base/errors.ts";
import type { Random } from "../../src/base/random.ts";

/** One kind of file of the cache, and work that needs it. */
export interface Subject {
  /** What the files are, for reports. */
  readonly kind: string;
  /** The folder that is damaged, and brought back from a copy each time. */
  readonly folder: string;
  /** Which of its files are of this kind, by their path in it. */
  readonly isOwn: (path: string) => boolean;
  /** Does the work; what comes out tells results apart. */
  readonly use: () => Promise<string>;
  /** Whether damage may end in an error, because there is nothing that it could be made from again. */
  readonly mayFail?: boolean;
}

type Damage = (path: string, random: Random) => void;

const rewritten =
  (change: (bytes: Buffer, random: Random) => Uint8Array): Damage =>
  (path, random) =>
    writeFileSync(path, change(readFileSync(path), random));

export const damages: Readonly<Record<string, Damage>> = {
  "one bit": rewritten((bytes, random) => {
    const at = random.below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << random.below(8));
    return bytes;
  }),
  "cut off": rewritten((bytes, random) => bytes.subarray(0, random.below(bytes.length))),
  "4 kB of zeros": rewritten((bytes, random) => {
    const at = random.below(Math.max(1, bytes.length - 4096));
    return bytes.fill(0, at, Math.min(bytes.length, at + 4096));
  }),
  empty: rewritten(() => new Uint8Array()),
  "all zeros": rewritten((bytes) => bytes.fill(0)),
  longer: rewritten((bytes) => Buffer.concat([bytes, Buffer.alloc(100, 7)])),
  "a folder": (path) => {
    rmSync(path);
    mkdirSync(join(path, "in it"), { recursive: true });
  },
  gone: (path) => rmSync(path),
};

/** What was found. */
export interface DamageReport {
  readonly kind: string;
  readonly tried: number;
  /** How often the result was the same, and how often it was an error. */
  readonly same: number;
  readonly failed: number;
  /** Other results, and errors that are not Graft's: there must be none. */
  readonly faults: readonly string[];
}

/**
 * Damages each file of a subject, in each way, and does the work.
 *
 * @param flips how often a bit is flipped in each file; every other damage is done once
 */
export async function damageAll(subject: Subject, flips: number, random: Random): Promise<DamageReport> {
  const { kind, folder, isOwn, use, mayFail = false } = subject;
  const expected = await use();
  const copy = `${folder}-copy`;
  rmSync(copy, { recursive: true, force: true });
  cpSync(folder, copy, { recursive: true });
  const files = (readdirSync(copy, { recursive: true }) as string[])
    .filter((path) => statSync(join(copy, path)).isFile() && isOwn(path.replaceAll("\\", "/")))
    .sort();
  if (files.length === 0) throw new Error(`There is no file of the kind "${kind}" in ${folder}.`);
  const report = { kind, tried: 0, same: 0, failed: 0, faults: [] as string[] };
  for (const file of files) {
    for (const [name, damage] of Object.entries(damages)) {
      for (let time = 0; time < (name === "one bit" ? flips : 1); time++) {
        rmSync(folder, { recursive: true, force: true });
        cpSync(copy, folder, { recursive: true });
        damage(join(folder, file), random);
        report.tried++;
        const what = `${relative(folder, join(folder, file))}, ${name}`;
        try {
          if ((await use()) === expected) report.same++;
          else report.faults.push(`${what}: another result`);
        } catch (error) {
          report.failed++;
          if (!(error instanceof GraftError)) report.faults.push(`${what}: ${String(error)}`);
          else if (!mayFail) report.faults.push(`${what}: ${messageOf(error)}`);
          continue;
        }
        // Repaired files stay repaired.
        if ((await use().catch(messageOf)) !== expected) report.faults.push(`${what}: another result the second time`);
      }
    }
  }
  rmSync(folder, { recursive: true, force: true });
  cpSync(copy, folder, { recursive: true });
  return report;
}

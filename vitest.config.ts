import { defineConfig } from "vitest/config";

/** Tests of what a machine manages within a number of seconds: they run by themselves, when all others are done. */
const alone = ["tests/advice.test.ts"];

/** What takes minutes or dist/, and arithmetic that is the same on every version of Node: `npm run test:fast` leaves it out. */
const slow = ["tests/**", "src/advise/**", "src/autodiff/**", "src/explain/**", "src/zoo/**"];
const isFast = process.env.GRAFT_TESTS === "fast";

export default defineConfig({
  test: {
    globalSetup: ["tests/support/temporary.ts"],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: ["default"],
    // Two workers: every test that runs a network already uses all cores.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: "all", include: ["src/**/*.test.ts", "tests/**/*.test.ts"], exclude: isFast ? slow : alone },
      },
      {
        extends: true,
        test: { name: "alone", include: alone, testTimeout: 400_000, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});

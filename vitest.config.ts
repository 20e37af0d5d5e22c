import { defineConfig } from "vitest/config";

/** Tests of what a machine manages within a number of seconds: they run by themselves, when all others are done. */
const alone = ["tests/advice.test.ts"];

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
        test: { name: "all", include: ["src/**/*.test.ts", "tests/**/*.test.ts"], exclude: alone },
      },
      { extends: true, test: { name: "alone", include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});

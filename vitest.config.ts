import { defineConfig } from "vitest/config";

/** What takes minutes or dist/, and arithmetic that is the same on every version of Node: `npm run test:fast` leaves it out. */
const slow = [
  ...["tests/**", "src/advise/**", "src/autodiff/**", "src/explain/**", "src/{networks,formats}/**"],
  // Whole trainings and searches, hostile inputs by the hundred, downloads.
  "src/**/{environments,lanes,*.foreign,*.abuse,*.planted,find-copies,small-jpeg,samples.network}.test.ts",
];
const isFast = process.env.GRAFT_TESTS === "fast";

export default defineConfig({
  test: {
    globalSetup: ["tests/support/temporary.ts"],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: ["default"],
    // Two workers: every test that runs a network already uses all cores.
    maxWorkers: 2,
    include: ["src/**/*.test.ts", "tests/**/*.test.ts"],
    exclude: isFast ? slow : [],
  },
});

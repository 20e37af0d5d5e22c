import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "tests/**/*.test.ts"],
    globalSetup: ["tests/support/temporary.ts"],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    // Two workers: every test that runs a network already uses all cores.
    maxWorkers: 2,
    reporters: ["default"],
  },
});

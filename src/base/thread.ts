/** Starting a thread of Graft's own from a module, whether Graft was built or runs from its sources. */
import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts the module at `url`, named by its source: `new URL("./work.ts", import.meta.url)`. Of a build the compiled neighbour
 * is run; from the sources (tests, benches) the thread reads TypeScript through the loader that those have installed.
 */
export function startThread(url: URL, options: WorkerOptions = {}): Worker {
  if (!import.meta.url.endsWith(".ts")) return new Worker(new URL(url.href.replace(/\.ts$/, ".js")), options);
  const loader = JSON.stringify(import.meta.resolve("tsx/esm/api"));
  const start = `import(${loader}).then(({ register }) => { register(); return import(${JSON.stringify(url.href)}); });`;
  return new Worker(start, { ...options, eval: true });
}

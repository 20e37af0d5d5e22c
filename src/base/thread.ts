/** Starts a worker thread from a module of Graft, compiled or from source. */
import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts the module at `url`, given by its source: `new URL("./work.ts", import.meta.url)`. In a build, runs the compiled file
 * beside it. From source (tests, benches), the thread loads TypeScript with tsx.
 */
export function startThread(url: URL, options: WorkerOptions = {}): Worker {
  if (!import.meta.url.endsWith(".ts")) return new Worker(new URL(url.href.replace(/\.ts$/, ".js")), options);
  const loader = JSON.stringify(import.meta.resolve("tsx/esm/api"));
  const start = `import(${loader}).then(({ register }) => { register(); return import(${JSON.stringify(url.href)}); });`;
  return new Worker(start, { ...options, eval: true });
}

/** `graft serve`: answers over HTTP. Here are its options and signals; the server itself is in serve/. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import * as v from "valibot";
import { usageError } from "../../base/errors.ts";
import { flag, optionsOf, rule, text } from "../../base/options.ts";
import { systemReason } from "../../base/system-errors.ts";
import { checkTokenForm } from "../../http/access.ts";
import { GRACE_MS } from "../../http/server.ts";
import { defaultLimits } from "../../serve/limits.ts";
import { modelSources } from "../../serve/models.ts";
import { graceMs, host, hostNames, limitEntries, origins, port } from "../../serve/options.ts";
import { type RunningServer, startServer } from "../../serve/server.ts";
import { bytes, milliseconds, number, pixels, several, withSchema } from "../flags.ts";
import { endWithin } from "../interruption.ts";
import { print, printJson } from "../output.ts";

const standard = defaultLimits;

const serveFlags = v.pipe(
  optionsOf({
    host: v.optional(host, "127.0.0.1"),
    port: v.optional(port, 8000),
    tokenFile: v.optional(text("the path of a file")),
    cors: v.optional(origins, []),
    allowHost: v.optional(hostNames, []),
    maxBatch: v.optional(limitEntries.maxBatch, standard.maxBatch),
    maxWait: v.optional(limitEntries.maxWaitMs, standard.maxWaitMs),
    maxQueue: v.optional(limitEntries.maxQueue, standard.maxQueue),
    maxImages: v.optional(limitEntries.maxImages),
    maxBody: v.optional(limitEntries.maxBodyBytes, standard.maxBodyBytes),
    maxPixels: v.optional(limitEntries.maxPixels, standard.maxPixels),
    maxDecodeMemory: v.optional(limitEntries.maxDecodeBytes, standard.maxDecodeBytes),
    timeout: v.optional(limitEntries.timeoutMs, standard.timeoutMs),
    grace: v.optional(graceMs, GRACE_MS),
    json: v.optional(flag, false),
  }),
  rule(
    ({ maxImages = 1, maxQueue }) => maxImages <= maxQueue,
    "{maxImages} lets a request have more pictures than {maxQueue} ever accepts: raise {maxQueue}, or lower {maxImages}.",
  ),
);

type ServeFlags = v.InferOutput<typeof serveFlags>;

export function serveCommand(command: Command): Command {
  command
    .argument("<models...>", "model.onnx files that graft train wrote, each as FILE or NAME=FILE")
    .option("--port <n>", "the port; 0 takes a free one", number)
    .option("--host <address>", "the address to listen on; one that others can reach needs a token")
    .option("--token-file <file>", "a file with the bearer token to ask for (or set GRAFT_TOKEN)")
    .option("--cors <origin>", "let pages of an origin ask, as https://example.org; may be repeated", several)
    .option("--allow-host <name>", "a further name in the Host header, as of a proxy; may be repeated", several)
    .option("--max-batch <n>", "pictures of one run of a model", number)
    .option("--max-wait <time>", "how long a picture waits for others of its batch, as 5ms", milliseconds)
    .option("--max-queue <n>", "pictures accepted at once, the rest get 503", number)
    .option("--max-images <n>", `pictures of one request (default: ${standard.maxImages})`, number)
    .option("--max-body <size>", "bytes of one request, as 32MB", bytes)
    .option("--max-pixels <n>", "pixels of one picture, as 50M", pixels)
    .option("--max-decode-memory <size>", "memory for decoding pictures, all of them together, as 512MB", bytes)
    .option("--timeout <time>", "for a request to arrive, and to be answered, as 30s", milliseconds)
    .option("--grace <time>", "how long the server may take to end, for answers under way, as 10s", milliseconds)
    .option("--json", "print one JSON object, the address and the models, once it listens")
    .addHelpText(
      "after",
      `
Routes: POST /predict, /embed, /models/NAME/predict, /models/NAME/embed; GET /models, /health, /ready, /metrics,
/openapi.json, /docs. A model whose file changes is read anew, as all are on SIGHUP; SIGINT and SIGTERM end the server when
it has answered what it has accepted, within --grace. Logs are JSON lines on standard error.

Example:
  graft serve graft-out/model.onnx
  curl -F image=@cat.jpg http://127.0.0.1:8000/predict`,
    );
  return withSchema(command, serveFlags, serve);
}

/** The token of the file, or of the environment. Throws a usage error where it cannot be read or is too easily guessed. */
async function tokenOf(file: string | undefined): Promise<string | undefined> {
  const text =
    file === undefined
      ? process.env.GRAFT_TOKEN
      : await readFile(file, "utf8").catch((error: unknown) => {
          throw usageError(`Could not read the token file ${file}: ${systemReason(error, "read")}.`, error);
        });
  if (text === undefined) return undefined;
  const token = text.trim();
  checkTokenForm(token, file ?? "GRAFT_TOKEN");
  return token;
}

async function serve(flags: ServeFlags, models: string[]): Promise<void> {
  const token = await tokenOf(flags.tokenFile);
  const server = await startServer({
    sources: modelSources(models),
    address: flags.host,
    port: flags.port,
    ...(token === undefined ? {} : { token }),
    origins: flags.cors,
    allowedHosts: flags.allowHost,
    graceMs: flags.grace,
    limits: {
      maxBatch: flags.maxBatch,
      maxWaitMs: flags.maxWait,
      maxQueue: flags.maxQueue,
      // A request that the queue never holds would be refused for ever.
      maxImages: flags.maxImages ?? Math.min(standard.maxImages, flags.maxQueue),
      maxBodyBytes: flags.maxBody,
      maxPixels: flags.maxPixels,
      maxDecodeBytes: flags.maxDecodeMemory,
      timeoutMs: flags.timeout,
    },
  });
  if (flags.json) printJson({ url: server.url, models: server.models });
  else print(`Serving ${server.models.join(", ")} at ${server.url}; how to ask: ${server.url}/docs`);
  await untilEnded(server, flags.grace);
}

/** Waits for a signal to end, or for the server's own end; a second signal ends the process at once. */
async function untilEnded(server: RunningServer, graceMs: number): Promise<void> {
  const signals = ["SIGINT", "SIGTERM"] as const;
  let stop: () => void = () => {};
  const told = new Promise<void>((end) => {
    stop = end;
  });
  for (const signal of signals) process.on(signal, stop);
  // Windows sends it when the console window is closed, and ends the process soon after.
  const hangUp = process.platform === "win32" ? stop : (): void => void server.reload();
  process.on("SIGHUP", hangUp);
  try {
    await Promise.race([server.broken, told]);
  } finally {
    for (const signal of signals) process.off(signal, stop);
    endWithin(graceMs);
    await server.close();
    process.off("SIGHUP", hangUp);
  }
}

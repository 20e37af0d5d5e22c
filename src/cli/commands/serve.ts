/** `graft serve`: serves predictions over HTTP. Options and signals only; the server is in serve/. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import * as v from "valibot";
import { usageError } from "../../base/errors.ts";
import { flag, optionsOf, rule, text } from "../../base/option-schemas.ts";
import { systemReason } from "../../base/system-errors.ts";
import { checkTokenForm } from "../../http/access.ts";
import { GRACE_MS } from "../../http/http-server.ts";
import { defaultLimits, graceMs, host, hostNames, limitEntries, origins, port } from "../../serve/limits.ts";
import { modelSources } from "../../serve/models.ts";
import { type RunningServer, startServer } from "../../serve/server.ts";
import { bytes, milliseconds, number, pixels, several, withSchema } from "../flags.ts";
import { print, printJson } from "../output.ts";
import { endWithin } from "../process.ts";

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
    "{maxImages} allows more images per request than {maxQueue} accepts: raise {maxQueue}, or lower {maxImages}.",
  ),
);

type ServeFlags = v.InferOutput<typeof serveFlags>;

export function serveCommand(command: Command): Command {
  command
    .argument("<models...>", "model.onnx files from `graft train`, each as FILE or NAME=FILE")
    .option("--port <n>", "the port; 0 picks a free one", number)
    .option("--host <address>", "the address to listen on; an address that other machines can reach needs a token")
    .option("--token-file <file>", "a file with the bearer token that clients must send (or set GRAFT_TOKEN)")
    .option(
      "--cors <origin>",
      "allow requests from pages of an origin, such as https://example.org; can be repeated",
      several,
    )
    .option("--allow-host <name>", "allow another name in the Host header, such as a proxy's; can be repeated", several)
    .option("--max-batch <n>", "maximum images per batch", number)
    .option("--max-wait <time>", "maximum time that an image waits for its batch, such as 5ms", milliseconds)
    .option("--max-queue <n>", "maximum images in the queue; further ones get 503", number)
    .option("--max-images <n>", `maximum images per request (default: ${standard.maxImages})`, number)
    .option("--max-body <size>", "maximum size of a request, such as 32MB", bytes)
    .option("--max-pixels <n>", "maximum pixels per image, such as 50M", pixels)
    .option("--max-decode-memory <size>", "memory budget for decoding all images, such as 512MB", bytes)
    .option("--timeout <time>", "time limit for a request to arrive, and for its response, such as 30s", milliseconds)
    .option("--grace <time>", "time limit for stopping, including requests in progress, such as 10s", milliseconds)
    .option("--json", "print one JSON object with the address and the models when the server is ready")
    .addHelpText(
      "after",
      `
Routes: POST /predict, /embed, /models/NAME/predict, /models/NAME/embed; GET /models, /health, /ready, /metrics,
/openapi.json, /docs. A model is loaded again when its file changes; SIGHUP reloads all. SIGINT and SIGTERM stop the server
after it has finished the requests that it has accepted, within --grace. Logs are JSON lines on standard error.

Example:
  graft serve graft-out/model.onnx
  curl -F image=@cat.jpg http://127.0.0.1:8000/predict`,
    );
  return withSchema(command, serveFlags, serve);
}

/** The token from the file or the environment. Throws a usage error if it cannot be read or is too weak. */
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
    token,
    origins: flags.cors,
    allowedHosts: flags.allowHost,
    graceMs: flags.grace,
    limits: {
      maxBatch: flags.maxBatch,
      maxWaitMs: flags.maxWait,
      maxQueue: flags.maxQueue,
      // A request with more images than the queue would always be rejected.
      maxImages: flags.maxImages ?? Math.min(standard.maxImages, flags.maxQueue),
      maxBodyBytes: flags.maxBody,
      maxPixels: flags.maxPixels,
      maxDecodeBytes: flags.maxDecodeMemory,
      timeoutMs: flags.timeout,
    },
  });
  if (flags.json) printJson({ url: server.url, models: server.models });
  else print(`Serving ${server.models.join(", ")} at ${server.url}; API documentation: ${server.url}/docs`);
  await untilEnded(server, flags.grace);
}

/** Waits for a signal or for the server to fail; a second signal ends the process at once. */
async function untilEnded(server: RunningServer, graceMs: number): Promise<void> {
  const signals = ["SIGINT", "SIGTERM"] as const;
  let stop: () => void = () => {};
  const signalled = new Promise<void>((end) => {
    stop = end;
  });
  for (const signal of signals) process.on(signal, stop);
  // Windows sends SIGHUP when the console window closes, and ends the process soon after.
  const hangUp = process.platform === "win32" ? stop : (): void => void server.reload();
  process.on("SIGHUP", hangUp);
  try {
    await Promise.race([server.broken, signalled]);
  } finally {
    for (const signal of signals) process.off(signal, stop);
    endWithin(graceMs);
    await server.close();
    process.off("SIGHUP", hangUp);
  }
}

/** `graft serve`: answers over HTTP. Here are its options and signals; the server itself is in serve/. */
import { readFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { messageOf, usageError } from "../../base/errors.ts";
import { checkTokenForm } from "../../http/access.ts";
import { GRACE_MS } from "../../http/server.ts";
import { defaultLimits } from "../../serve/limits.ts";
import { modelSources } from "../../serve/models.ts";
import { type RunningServer, startServer } from "../../serve/server.ts";
import { bytes, milliseconds, pixels, some, wholeNumber } from "../options.ts";
import { print, printJson } from "../output.ts";

interface ServeFlags {
  readonly host: string;
  readonly port: number;
  readonly tokenFile?: string;
  readonly cors: readonly string[];
  readonly allowHost: readonly string[];
  readonly maxBatch: number;
  readonly maxWait: number;
  readonly maxQueue: number;
  readonly maxImages: number;
  readonly maxBody: number;
  readonly maxPixels: number;
  readonly timeout: number;
  readonly grace: number;
  readonly json?: boolean;
}

const several = (value: string, before: readonly string[]): string[] => [...before, value];

export function serveCommand(): Command {
  const { maxBatch, maxWaitMs, maxQueue, maxImages, maxBodyBytes, maxPixels, timeoutMs } = defaultLimits;
  return new Command("serve")
    .description("answer over HTTP what is in pictures")
    .argument("<models...>", "model.onnx files that graft train wrote, each as FILE or NAME=FILE")
    .option("--port <n>", "the port; 0 takes a free one", portNumber, 8000)
    .option("--host <address>", "the address to listen on; one that others can reach needs a token", "127.0.0.1")
    .option("--token-file <file>", "a file with the bearer token to ask for (or set GRAFT_TOKEN)")
    .option("--cors <origin>", "let pages of an origin ask, as https://example.org; may be repeated", origins, [])
    .option("--allow-host <name>", "a further name in the Host header, as of a proxy; may be repeated", several, [])
    .option("--max-batch <n>", "pictures of one run of a model", wholeNumber(1), maxBatch)
    .option("--max-wait <time>", "how long a picture waits for others of its batch", milliseconds, maxWaitMs)
    .option("--max-queue <n>", "pictures accepted at once, the rest get 503", wholeNumber(1), maxQueue)
    .option("--max-images <n>", "pictures of one request", wholeNumber(1), maxImages)
    .option("--max-body <size>", "bytes of one request, as 32MB", some(bytes), maxBodyBytes)
    .option("--max-pixels <n>", "pixels of one picture, as 50M", some(pixels), maxPixels)
    .option("--timeout <time>", "for a request to arrive, and to be answered", some(milliseconds), timeoutMs)
    .option("--grace <time>", "how long the server may take to end, for answers under way", milliseconds, GRACE_MS)
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
    )
    .action(serve);
}

function portNumber(text: string): number {
  const port = wholeNumber(0)(text);
  if (port > 65_535) throw new InvalidArgumentError("A port is a number up to 65535.");
  return port;
}

function origins(text: string, before: readonly string[]): string[] {
  if (!URL.canParse(text) || new URL(text).origin !== text) {
    throw new InvalidArgumentError("An origin is wanted: a scheme, a name, no path, as https://example.org.");
  }
  return several(text, before);
}

/** The token of the file, or of the environment. Throws a usage error where it cannot be read or is too easily guessed. */
async function tokenOf(file: string | undefined): Promise<string | undefined> {
  const text =
    file === undefined
      ? process.env.GRAFT_TOKEN
      : await readFile(file, "utf8").catch((error: unknown) => {
          throw usageError(`Could not read the token file ${file}: ${messageOf(error)}.`, error);
        });
  if (text === undefined) return undefined;
  const token = text.trim();
  checkTokenForm(token, file ?? "GRAFT_TOKEN");
  return token;
}

async function serve(models: string[], flags: ServeFlags): Promise<void> {
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
      maxImages: flags.maxImages,
      maxBodyBytes: flags.maxBody,
      maxPixels: flags.maxPixels,
      timeoutMs: flags.timeout,
    },
  });
  if (flags.json) printJson({ url: server.url, models: server.models });
  else print(`Serving ${server.models.join(", ")} at ${server.url}; how to ask: ${server.url}/docs`);
  await untilEnded(server);
}

/** Waits for a signal to end, or for the server's own end; a second signal ends the process at once. */
async function untilEnded(server: RunningServer): Promise<void> {
  const reload = (): void => void server.reload();
  process.on("SIGHUP", reload);
  const signals = ["SIGINT", "SIGTERM"] as const;
  let stop: () => void = () => {};
  const told = new Promise<void>((end) => {
    stop = end;
  });
  for (const signal of signals) process.on(signal, stop);
  try {
    await Promise.race([server.broken, told]);
  } finally {
    for (const signal of signals) process.off(signal, stop);
    await server.close();
    process.off("SIGHUP", reload);
  }
}

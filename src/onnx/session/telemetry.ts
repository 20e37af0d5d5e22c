/**
 * Turns off the telemetry of ONNX Runtime, which is on in its official builds for Linux and macOS. On the main thread, importing
 * this module is enough; on a worker thread, call {@link requireNoTelemetry}.
 *
 * ONNX Runtime reads the variable once from the environment of the process, when the process opens its first session
 * (its docs/Privacy.md).
 */
import { isMainThread } from "node:worker_threads";
import { messageOf, workError } from "../../base/errors.ts";

const VARIABLE = "ORT_DISABLE_TELEMETRY";
/** How long to wait for the main thread. It answers between two tasks, and while it waits for something. */
const ANSWER_TIMEOUT_MS = 10_000;

process.env[VARIABLE] = "1";

/**
 * Makes sure that the variable is set in the environment of the process. On a worker thread `process.env` is a copy that ONNX Runtime
 * does not read; if the main thread has not set the variable, this sets it there with Node's inspector.
 *
 * @throws GraftError (`work`, code `telemetry-on`) on a worker thread from which it cannot be set
 */
export async function requireNoTelemetry(): Promise<void> {
  if (isMainThread || isSetForProcess()) return;
  try {
    await setOnMainThread();
  } catch (error) {
    throw workError(
      `ONNX Runtime would report each model to Microsoft, and a worker thread cannot turn that off here (${messageOf(error)}): set ${VARIABLE}=1 in the environment of the process, or import "graft-ml" on the main thread before the worker starts.`,
      error,
      "telemetry-on",
    );
  }
}

/** A diagnostic report contains the environment of the process, on every thread. */
function isSetForProcess(): boolean {
  // Node's types lack `excludeNetwork`, and say that the report is a text.
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork: boolean };
  const { excludeNetwork } = report;
  // Otherwise the report looks up the host names of open connections.
  report.excludeNetwork = true;
  try {
    const { environmentVariables } = report.getReport() as {
      readonly environmentVariables?: Readonly<Record<string, string>> | undefined;
    };
    return environmentVariables?.[VARIABLE] === "1";
  } finally {
    report.excludeNetwork = excludeNetwork;
  }
}

async function setOnMainThread(): Promise<void> {
  const { Session } = await import("node:inspector");
  const session = new Session();
  session.connectToMainThread();
  try {
    const value = await new Promise<unknown>((resolve, reject) => {
      // The timer also keeps this thread alive, which a pending inspector message does not.
      const timer = setTimeout(() => reject(new Error("the main thread does not answer")), ANSWER_TIMEOUT_MS);
      const expression = `process.env.${VARIABLE} = "1", process.env.${VARIABLE}`;
      session.post("Runtime.evaluate", { expression }, (error, answer) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve(answer.result.value);
      });
    });
    if (value !== "1") throw new Error("the main thread could not set it");
  } finally {
    session.disconnect();
  }
}

/**
 * Turns off the telemetry of ONNX Runtime, which its official builds for Linux and macOS have on: importing this module is
 * enough on the main thread, and {@link requireNoTelemetry} sees to it on a worker thread. Knows nothing of sessions.
 *
 * ONNX Runtime reads the variable from the environment of the process once, when the first session of the process is opened, and
 * what it finds then holds until the process ends (its docs/Privacy.md).
 */
import { isMainThread } from "node:worker_threads";
import { messageOf, workError } from "../base/errors.ts";

const VARIABLE = "ORT_DISABLE_TELEMETRY";
/** How long the main thread may take to answer. It answers between two statements, and while it waits for something. */
const PATIENCE_MS = 10_000;

process.env[VARIABLE] = "1";

/**
 * Makes sure that the variable is in the environment of the process, which is not what a worker thread sees: its `process.env` is
 * a copy, and ONNX Runtime never reads that. Where the main thread has not set it, it is set there by Node's inspector.
 *
 * @throws GraftError (`work`, `telemetry-on`) on a worker thread from which it cannot be set
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

/** A diagnostic report shows the environment of the process, on every thread. */
function isSetForProcess(): boolean {
  // Node's types lack the first name, and say that the report is a text.
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork: boolean };
  const { excludeNetwork } = report;
  // Else the report looks up the names of the addresses that this thread is connected to.
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
      // The timer also keeps this thread alive: a message of the inspector that is on its way does not.
      const timer = setTimeout(() => reject(new Error("the main thread does not answer")), PATIENCE_MS);
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

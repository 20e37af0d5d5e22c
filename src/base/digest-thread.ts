/** The worker thread of digest.ts: hashes one file and ends. */
import { parentPort, workerData } from "node:worker_threads";
import { type DigestTask, digestOf } from "./digest.ts";

parentPort?.postMessage(digestOf(workerData as DigestTask));

/**
 * The load generator, a process of its own, the same for every server:
 *
 *     node --import tsx bench/serve/load.ts URL FOLDER CLIENTS SECONDS WARMUP_SECONDS
 *
 * So many clients, each on one connection that stays open, send the JPEGs of a folder as forms one after the other; the next when
 * the last is answered. Requests are laid out beforehand and answers are read just far enough, so that the generator takes little
 * of the cores that it shares with the server. Prints {requests, failed, seconds, p50_ms, p99_ms, cpu_seconds}.
 */
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";

const [url = "", folder = "", ...numbers] = process.argv.slice(2);
const [clients = 32, seconds = 60, warmup = 3] = numbers.map(Number);
const { hostname, port, pathname, host } = new URL(url);

const BOUNDARY = "graft-bench-boundary";

function requestOf(jpeg: Buffer): Buffer {
  const part = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="image"; filename="a.jpg"\r\ncontent-type: image/jpeg\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(part), jpeg, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]);
  const head = [
    `POST ${pathname} HTTP/1.1`,
    `host: ${host}`,
    `content-type: multipart/form-data; boundary=${BOUNDARY}`,
    `content-length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
}

/** Sends a request and waits for the end of its answer; returns the status. */
function ask(socket: Socket, request: Buffer): Promise<number> {
  return new Promise((done, fail) => {
    let text = "";
    let wanted: number | undefined;
    const closed = (): void => fail(new Error("The server closed the connection."));
    const read = (data: Buffer): void => {
      text += data.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (wanted === undefined && end >= 0)
        wanted = end + 4 + Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1]);
      if (wanted === undefined || text.length < wanted) return;
      socket.off("data", read).off("close", closed);
      done(Number(text.slice(9, 12)));
    };
    socket.on("data", read).on("close", closed);
    socket.write(request);
  });
}

const requests = readdirSync(folder)
  .sort()
  .map((file) => requestOf(readFileSync(join(folder, file))));
const latencies: number[] = [];
let [failed, next] = [0, 0];
const start = performance.now() + warmup * 1000;
const end = start + seconds * 1000;
let cpuAtStart: NodeJS.CpuUsage | undefined;

async function client(): Promise<void> {
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await new Promise((done, fail) => socket.once("connect", done).once("error", fail));
  for (let began = performance.now(); began < end; began = performance.now()) {
    const status = await ask(socket, requests[next++ % requests.length]!);
    const now = performance.now();
    if (began < start || now > end) continue;
    cpuAtStart ??= process.cpuUsage();
    if (status === 200) latencies.push(now - began);
    else failed++;
  }
  socket.destroy();
}

await Promise.all(Array.from({ length: clients }, client));
const { user, system } = process.cpuUsage(cpuAtStart);
latencies.sort((a, b) => a - b);
const at = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))]!;
console.log(
  JSON.stringify({
    requests: latencies.length,
    failed,
    seconds,
    p50_ms: at(0.5),
    p99_ms: at(0.99),
    cpu_seconds: (user + system) / 1e6,
  }),
);

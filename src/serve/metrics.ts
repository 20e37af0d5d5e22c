/**
 * The server's metrics in Prometheus' text format (version 0.0.4: `prometheus.io/docs/instrumenting/exposition_formats`), and
 * its log. Three kinds of series are enough, so that no library is needed.
 */
import { escapedJson } from "../base/text.ts";

type Labels = Readonly<Record<string, string>>;

/** Seconds, from decoding a small image to the longest wait that the defaults allow. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const batchBuckets = [1, 2, 4, 8, 16, 32, 64];

export interface Metrics {
  /** A request was answered. */
  request(route: string, status: number, seconds: number): void;
  /** An image was decoded or refused, `seconds` after its bytes arrived. */
  decoded(seconds: number): void;
  /** A batch was run. */
  batch(model: string, images: number, seconds: number): void;
  /** This many images are accepted and not answered. */
  queued(images: number): void;
  /** All metrics as text. `models` are those served now: name and file digest. */
  render(models: readonly { readonly name: string; readonly sha256: string }[]): string;
}

/** Metrics that all start at zero. */
export function createMetrics(): Metrics {
  const requests = counter("graft_requests_total", "Requests answered.");
  const requestSeconds = histogram("graft_request_seconds", "From a request's headers to its answer.", secondsBuckets);
  const images = counter("graft_images_total", "Images that a model predicted.");
  const batchImages = histogram("graft_batch_images", "Images per batch.", batchBuckets);
  const batchSeconds = histogram("graft_batch_seconds", "Preparing and running one batch.", secondsBuckets);
  const decodeSeconds = histogram("graft_decode_seconds", "Decoding one image, including its wait.", secondsBuckets);
  let queue = 0;
  return {
    request(route, status, seconds) {
      requests.add({ route, status: String(status) }, 1);
      requestSeconds.add({ route }, seconds);
    },
    decoded: (seconds) => decodeSeconds.add({}, seconds),
    batch(model, count, seconds) {
      images.add({ model }, count);
      batchImages.add({ model }, count);
      batchSeconds.add({ model }, seconds);
    },
    queued(count) {
      queue = count;
    },
    render(models) {
      const { user, system } = process.cpuUsage();
      const gauges = [
        ...single("graft_queue_images", "gauge", "Images accepted and not yet predicted.", queue),
        ...heading("graft_model_info", "gauge", "The models served, by the digest of their file."),
        ...models.map(({ name, sha256 }) => line("graft_model_info", { model: name, sha256 }, 1)),
        ...single("process_resident_memory_bytes", "gauge", "Memory of the whole process.", process.memoryUsage.rss()),
        ...single("process_cpu_seconds_total", "counter", "Processor time, user and system.", (user + system) / 1e6),
      ];
      const series = [requests, requestSeconds, images, batchImages, batchSeconds, decodeSeconds];
      return `${[...series.flatMap((one) => one.lines()), ...gauges].join("\n")}\n`;
    },
  };
}

interface Series {
  add(labels: Labels, value: number): void;
  lines(): string[];
}

function counter(name: string, help: string): Series {
  const sums = new Map<string, { readonly labels: Labels; sum: number }>();
  return {
    add(labels, value) {
      entry(sums, labels, () => ({ labels, sum: 0 })).sum += value;
    },
    lines: () => [
      ...heading(name, "counter", help),
      ...[...sums.values()].map(({ labels, sum }) => line(name, labels, sum)),
    ],
  };
}

function histogram(name: string, help: string, bounds: readonly number[]): Series {
  const all = new Map<string, { readonly labels: Labels; sum: number; readonly counts: number[] }>();
  return {
    add(labels, value) {
      const one = entry(all, labels, () => ({ labels, sum: 0, counts: [...bounds, 0].map(() => 0) }));
      one.sum += value;
      const bucket = bounds.findIndex((bound) => value <= bound);
      one.counts[bucket < 0 ? bounds.length : bucket]!++;
    },
    lines: () => [
      ...heading(name, "histogram", help),
      ...[...all.values()].flatMap(({ labels, sum, counts }) => {
        let total = 0;
        const buckets = counts.map((count, i) => {
          total += count;
          return line(`${name}_bucket`, { ...labels, le: i < bounds.length ? String(bounds[i]) : "+Inf" }, total);
        });
        return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, total)];
      }),
    ],
  };
}

function entry<T>(map: Map<string, T>, labels: Labels, make: () => T): T {
  const key = JSON.stringify(labels);
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}

const heading = (name: string, type: string, help: string): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
];

const single = (name: string, type: string, help: string, value: number): string[] => [
  ...heading(name, type, help),
  line(name, {}, value),
];

function line(name: string, labels: Labels, value: number): string {
  const escaped = (text: string): string =>
    text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}`;
}

// Structured logs: one JSON object per line, safe on a terminal whatever names and paths clients make up.

/** Writes one event with its fields; `time` (ISO 8601), `level` and `event` come first. */
export type Log = (level: "info" | "warn" | "error", event: string, fields?: Readonly<Record<string, unknown>>) => void;

/** A log that writes lines to a sink, by default standard error. */
export const createLog =
  (write: (line: string) => void = (line) => process.stderr.write(line)): Log =>
  (level, event, fields = {}) =>
    write(`${escapedJson(JSON.stringify({ time: new Date().toISOString(), level, event, ...fields }))}\n`);

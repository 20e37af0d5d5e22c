import { expect, it } from "vitest";
import { createMetrics } from "./metrics.ts";

const linesOf = (text: string, name: string): string[] =>
  text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));

it("counts by label, and sums histograms bucket by bucket", () => {
  const metrics = createMetrics();
  metrics.request("/predict", 200, 0.004);
  metrics.request("/predict", 200, 0.2);
  metrics.request("/predict", 503, 99);
  metrics.batch("a", 3, 0.1);
  metrics.queued(5);
  const text = metrics.render([{ name: 'a"\\\n', sha256: "f00" }]);
  expect(linesOf(text, "graft_requests_total")).toEqual([
    'graft_requests_total{route="/predict",status="200"} 2',
    'graft_requests_total{route="/predict",status="503"} 1',
  ]);
  const buckets = linesOf(text, "graft_request_seconds_bucket");
  expect(buckets).toContain('graft_request_seconds_bucket{route="/predict",le="0.005"} 1');
  expect(buckets).toContain('graft_request_seconds_bucket{route="/predict",le="0.25"} 2');
  expect(buckets.at(-1)).toBe('graft_request_seconds_bucket{route="/predict",le="+Inf"} 3');
  expect(linesOf(text, "graft_request_seconds_count")).toEqual(['graft_request_seconds_count{route="/predict"} 3']);
  expect(linesOf(text, "graft_images_total")).toEqual(['graft_images_total{model="a"} 3']);
  expect(linesOf(text, "graft_queue_images")).toEqual(["graft_queue_images 5"]);
  expect(linesOf(text, "graft_model_info")).toEqual(['graft_model_info{model="a\\"\\\\\\n",sha256="f00"} 1']);
});

it("is in the text format: each series declared once, before its values, and a newline at the end", () => {
  const metrics = createMetrics();
  metrics.request("/embed", 200, 1);
  metrics.decoded(0.1);
  const text = metrics.render([]);
  expect(text.endsWith("\n")).toBe(true);
  const declared = new Set<string>();
  for (const line of text.trimEnd().split("\n")) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type) {
      expect(declared.has(type[1]!)).toBe(false);
      declared.add(type[1]!);
    }
    if (line.startsWith("#")) continue;
    const [, name, value] = /^([a-z_]+)(?:\{(?:[a-z]+="(?:[^"\\]|\\.)*",?)+\})? (\S+)$/.exec(line)!;
    expect(declared.has(name!.replace(/_(bucket|sum|count)$/, "")) || declared.has(name!), line).toBe(true);
    expect(Number.isFinite(Number(value)), line).toBe(true);
  }
});

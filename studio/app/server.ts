/** Asking the studio's server: one function a route, answers typed, refusals thrown with the server's own sentence. */
import type {
  Imported,
  NetworkTable,
  PictureList,
  Prediction,
  ProjectInfo,
  Received,
  Recommendation,
  Refusal,
  RunInfo,
  RunResults,
  RunSettings,
} from "../../src/studio/api.ts";

/** A refusal by the server. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api${path}`, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(0, "The studio does not answer: see whether `graft studio` still runs, and start it again.");
  }
  const body: unknown = await response.json().catch(() => ({ error: `The studio answered ${response.status}.` }));
  if (!response.ok) throw new Refused(response.status, (body as Refusal).error);
  return body as T;
}

const send = <T = unknown>(method: string, path: string, body: object = {}): Promise<T> =>
  ask<T>(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

const e = encodeURIComponent;

export const server = {
  project: () => ask<ProjectInfo>("/project"),
  networks: () => ask<NetworkTable>("/networks"),
  recommendation: () => ask<Recommendation>("/recommendation"),
  compareNetworks: () => send<Recommendation>("POST", "/recommendation"),
  createClass: (name: string) => send("POST", "/classes", { name }),
  renameClass: (name: string, to: string) => send("PATCH", `/classes/${e(name)}`, { name: to }),
  removeClass: (name: string) => ask(`/classes/${e(name)}`, { method: "DELETE" }),
  pictures: (name: string) => ask<PictureList>(`/classes/${e(name)}/pictures`),
  add: (className: string, name: string, file: Blob, signal: AbortSignal) =>
    ask<Received>(`/classes/${e(className)}/pictures?name=${e(name)}`, { method: "POST", body: file, signal }),
  addArchive: (file: Blob, className: string | undefined, signal: AbortSignal) =>
    ask<Imported>(`/archives?class=${e(className ?? "")}`, { method: "POST", body: file, signal }),
  noteAdded: (ids: readonly string[]) => send("POST", "/added", { ids }),
  relabel: (ids: readonly string[], to: string) => send("POST", "/pictures/relabel", { ids, to }),
  remove: (ids: readonly string[]) => send("POST", "/pictures/remove", { ids }),
  undo: () => send<{ undone: string | null }>("POST", "/undo"),
  runs: () => ask<RunInfo[]>("/runs"),
  start: (settings: RunSettings) => send<RunInfo>("POST", "/runs", settings),
  stop: (id: string) => send("POST", `/runs/${e(id)}/stop`),
  resume: (id: string) => send<RunInfo>("POST", `/runs/${e(id)}/resume`),
  removeRun: (id: string) => ask(`/runs/${e(id)}`, { method: "DELETE" }),
  results: (id: string) => ask<RunResults>(`/runs/${e(id)}/results`),
  predict: (id: string, picture: Blob) => ask<Prediction>(`/runs/${e(id)}/predict`, { method: "POST", body: picture }),
};

/** The address of a picture's thumbnail. */
export const thumbnailUrl = (id: string, size: "tile" | "large" = "tile"): string =>
  `/api/thumbnails/${size}/${id.split("/").map(e).join("/")}`;

/** The address of a file of a run. */
export const fileUrl = (id: string, name: string): string => `/api/runs/${e(id)}/files/${name}`;
export const pageUrl = (id: string): string => `/api/runs/${e(id)}/page`;

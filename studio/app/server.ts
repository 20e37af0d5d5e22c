/** The client of the studio's server: one typed function per route. Error responses throw with the server's message. */
import type {
  Arrangement,
  ArrangementRequest,
  Changed,
  ErrorBody,
  Imported,
  ModelPrediction,
  NetworkTable,
  PictureList,
  ProjectInfo,
  Received,
  Recommendation,
  RunInfo,
  RunResults,
  RunSettings,
  SignedLink,
  UndoResult,
} from "../../src/studio/api.ts";
import { keyHeader, locked, NOT_KNOWN } from "./session.ts";

/** An error response of the server. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function responseTo(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`/api${path}`, { ...init, headers: { ...init.headers, ...keyHeader() } });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(0, "The studio does not respond. Check that `graft studio` is running, or start it again.");
  }
  if (response.status === 401) locked.value = NOT_KNOWN;
  if (response.ok) return response;
  const body: unknown = await response
    .json()
    .catch(() => ({ error: `The studio responded with status ${response.status}.` }));
  throw new Refused(response.status, (body as ErrorBody).error);
}

const ask = async <T>(path: string, init: RequestInit = {}): Promise<T> =>
  (await responseTo(path, init)).json() as Promise<T>;

const send = <T = unknown>(method: string, path: string, body: object = {}): Promise<T> =>
  ask<T>(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

const e = encodeURIComponent;

export const server = {
  project: () => ask<ProjectInfo>("/project"),
  networks: () => ask<NetworkTable>("/networks"),
  recommendation: () => ask<Recommendation>("/recommendation"),
  compareNetworks: () => send<Recommendation>("POST", "/recommendation"),
  createClass: (name: string) => send("POST", "/classes", { name }),
  renameClass: (name: string, to: string) => send<Changed>("PATCH", `/classes/${e(name)}`, { name: to }),
  removeClass: (name: string) => ask<Changed>(`/classes/${e(name)}`, { method: "DELETE" }),
  pictures: (name: string) => ask<PictureList>(`/classes/${e(name)}/pictures`),
  arrange: (request: ArrangementRequest) => send<Arrangement>("POST", "/arrangement", request),
  add: (className: string, name: string, file: Blob, part: "train" | "validation" | "test", signal: AbortSignal) =>
    ask<Received>(`/classes/${e(className)}/pictures?name=${e(name)}&part=${part}`, {
      method: "POST",
      body: file,
      signal,
    }),
  addArchive: (file: Blob, className: string | undefined, signal: AbortSignal) =>
    ask<Imported>(`/archives?class=${e(className ?? "")}`, { method: "POST", body: file, signal }),
  noteAdded: (ids: readonly string[]) => send<Changed>("POST", "/added", { ids }),
  relabel: (ids: readonly string[], to: string) => send<Changed>("POST", "/pictures/relabel", { ids, to }),
  remove: (ids: readonly string[]) => send<Changed>("POST", "/pictures/remove", { ids }),
  undo: (change: string) => send<UndoResult>("POST", "/undo", { change }),
  runs: () => ask<RunInfo[]>("/runs"),
  start: (settings: RunSettings) => send<RunInfo>("POST", "/runs", settings),
  stop: (id: string) => send("POST", `/runs/${e(id)}/stop`),
  resume: (id: string) => send<RunInfo>("POST", `/runs/${e(id)}/resume`),
  removeRun: (id: string) => ask(`/runs/${e(id)}`, { method: "DELETE" }),
  results: (id: string) => ask<RunResults>(`/runs/${e(id)}/results`),
  thumbnail: async (id: string, size: "tile" | "large", signal: AbortSignal) =>
    (await responseTo(`/thumbnails/${size}/${id.split("/").map(e).join("/")}`, { signal })).blob(),
  predict: (id: string, image: Blob) => ask<ModelPrediction>(`/runs/${e(id)}/predict`, { method: "POST", body: image }),
};

/** The downloads of a run. */
export const filePath = (id: string, name: string): string => `/api/runs/${e(id)}/files/${name}`;
export const pagePath = (id: string): string => `/api/runs/${e(id)}/page`;

/** Downloads a file, or opens a page in a new tab, with a link that is signed for this browser and expires soon. */
export async function openFile(path: string, how: "download" | "tab"): Promise<void> {
  const { url } = await send<SignedLink>("POST", "/links", { path });
  const link = document.createElement("a");
  link.href = url;
  if (how === "download") link.download = "";
  else [link.target, link.rel] = ["_blank", "noreferrer"];
  link.click();
}

/** The page's state, updated by the server's events. The current page is in route.ts. */
import { computed, signal } from "@preact/signals";
import type { NetworkTable, ProjectInfo, Recommendation, RunInfo, StudioEvent } from "../../src/studio/api.ts";
import { listen } from "./events.ts";
import { say } from "./messages.ts";
import { server } from "./server.ts";
import { locked, NOT_KNOWN, onLinkOpened } from "./session.ts";

export const project = signal<ProjectInfo | null>(null);
/** The newest first. */
export const runs = signal<readonly RunInfo[] | null>(null);
export const networks = signal<NetworkTable | null>(null);
export const recommendation = signal<Recommendation | null>(null);
/** Increases with every change of classes or images, so that lists know when to reload. */
export const revision = signal(0);
/** Whether the event stream is connected; without it the page may be out of date. */
export const isConnected = signal(true);
/** Progress of unpacking an archive on the server. */
export const unpacking = signal<Extract<StudioEvent, { kind: "import" }>["progress"] | null>(null);

export const running = computed(() => runs.value?.find(({ state }) => state.kind === "running"));
export const finished = computed(() => (runs.value ?? []).filter(({ state }) => state.kind === "done"));

export async function refreshProject(): Promise<void> {
  project.value = await server.project();
  revision.value++;
}

const refreshAll = async (): Promise<void> => {
  try {
    [project.value, runs.value, recommendation.value] = await Promise.all([
      server.project(),
      server.runs(),
      server.recommendation(),
    ]);
    revision.value++;
    networks.value ??= await server.networks();
  } catch (error) {
    say.failure(error);
  }
};

/** Adds or replaces a run in the list. */
export function noteRun(run: RunInfo): void {
  const others = (runs.value ?? []).filter(({ id }) => id !== run.id);
  runs.value = [...others, run].sort((a, b) => (a.id < b.id ? 1 : -1));
  // A finished training also measures the speed of its network.
  if (run.state.kind === "done") void server.networks().then((table) => (networks.value = table), say.failure);
}

function onEvent(event: StudioEvent): void {
  switch (event.kind) {
    case "project":
      void refreshProject().catch(say.failure);
      break;
    case "run":
      noteRun(event.run);
      break;
    case "run-removed":
      runs.value = (runs.value ?? []).filter(({ id }) => id !== event.id);
      break;
    case "recommendation":
      recommendation.value = event.recommendation;
      break;
    case "import":
      unpacking.value = event.progress;
      break;
  }
}

/** Loads everything, then listens for events. */
export function connect(): void {
  void listen({
    onOpen() {
      isConnected.value = true;
      locked.value = null;
      void refreshAll();
    },
    onLost(status) {
      isConnected.value = status !== 0;
      if (status === 401) locked.value = NOT_KNOWN;
    },
    onEvent,
  });
  onLinkOpened(() => void refreshAll());
  // The user may have added images to the folder in the meantime.
  window.addEventListener("focus", () => void refreshProject().catch(() => {}));
}

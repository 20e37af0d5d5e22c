/** Notifications at the bottom of the page. */
import type { JSX } from "preact";
import { forget, messages } from "../messages.ts";
import { undo } from "../undo.ts";

export function Messages(): JSX.Element {
  return (
    <div class="messages" role="log" aria-live="polite" aria-label="Messages">
      {messages.value.map(({ id, kind, text, undo: change }) => (
        <div key={id} class={`message ${kind}`} role={kind === "failure" ? "alert" : undefined}>
          <p>{text}</p>
          {change !== null ? (
            <button
              type="button"
              class="quiet"
              onClick={() => {
                forget(id);
                void undo(change);
              }}
            >
              Undo
            </button>
          ) : null}
          <button type="button" class="quiet" aria-label="Close this message" onClick={() => forget(id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}

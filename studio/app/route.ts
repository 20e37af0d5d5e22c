/** The current page, stored in the URL's fragment, so that reload, back and forward work. */
import { computed, signal } from "@preact/signals";

export type Route =
  | { readonly page: "pictures"; readonly className: string | undefined }
  | { readonly page: "train" }
  | { readonly page: "results"; readonly run: string | undefined }
  | { readonly page: "compare"; readonly runs: readonly string[] }
  | { readonly page: "try"; readonly run: string | undefined };

const fragment = signal(location.hash);
window.addEventListener("hashchange", () => {
  fragment.value = location.hash;
});

const decoded = (text: string | undefined): string | undefined => {
  try {
    return text === undefined || text === "" ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
};

export const route = computed((): Route => {
  const [, page, rest] = fragment.value.split("/");
  const what = decoded(rest);
  switch (page) {
    case "train":
      return { page };
    case "results":
    case "try":
      return { page, run: what };
    case "compare":
      return { page, runs: what?.split(",") ?? [] };
    default:
      return { page: "pictures", className: what };
  }
});

/** The link to a page. */
export const hrefOf = (page: Route["page"], what?: string): string =>
  `#/${page}${what === undefined ? "" : `/${encodeURIComponent(what)}`}`;

export const go = (page: Route["page"], what?: string): void => {
  location.hash = hrefOf(page, what);
};

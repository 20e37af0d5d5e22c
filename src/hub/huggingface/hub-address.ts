/**
 * Identifies a file on a Hugging Face hub, and the hub itself: names are checked before they become part of a URL or of a path on
 * disk. Fetches nothing.
 */
import { usageError, workError } from "../../base/errors.ts";

/** One file of a model repository. */
export interface HubFile {
  /** `owner/name`, or `name` alone for the few that have no owner. */
  readonly repo: string;
  /** Path within the repository, with `/`. */
  readonly file: string;
  /** A commit of 40 hexadecimal digits, which never changes; or a branch or tag, which is looked up each time. */
  readonly revision: string;
  /** The SHA-256 that the file must have, in hexadecimal. */
  readonly sha256?: string | undefined;
}

/** A hub, and the credentials for it. */
export interface Hub {
  /** The URL without a slash at the end. */
  readonly endpoint: string;
  /** Sent to the endpoint only; must never be shown. */
  readonly token: string | undefined;
}

/** `owner/name/file`, for sentences. */
export const nameOf = ({ repo, file }: HubFile): string => `${repo}/${file}`;

/** How the command line names a file on a hub. */
const HUB_FILE = /^hf:([^/]+\/[^/]+)\/([^@]+)(?:@(.+))?$/;

/**
 * The file that a text such as `hf:owner/name/vgg16.h5` or `hf:owner/name/vgg16.h5@revision` names; undefined for any other text.
 * The default revision is the branch `main`.
 *
 * @throws GraftError (`usage`) if the text starts with `hf:` and is not such a name
 */
export function hubFileOf(text: string): HubFile | undefined {
  if (!text.startsWith("hf:")) return undefined;
  const [, repo, file, revision = "main"] = HUB_FILE.exec(text) ?? [];
  if (repo === undefined || file === undefined)
    throw usageError(
      `${JSON.stringify(text)} does not name a file on a hub: write it as hf:OWNER/NAME/FILE, or with @REVISION.`,
    );
  return { repo, file, revision };
}

/** Whether a revision is a commit, which always has the same files. */
export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

/** Whether a text is a SHA-256 in lower-case hexadecimal. */
export const isSha256 = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

/** A name encoded as one part of a URL or one file name: `/` becomes `%2F`. */
export const encoded = (name: string): string => encodeURIComponent(name).replaceAll("*", "%2A");

const isSoundPath = (path: string): boolean =>
  path.split("/").every((step) => step !== "" && step !== "." && step !== "..") &&
  // Control characters and lone surrogates, which a URL cannot contain.
  !/[\\\p{Cc}\p{Cs}]/u.test(path) &&
  encoded(path).length <= 240;

/** Throws a GraftError (`usage`) if a name cannot exist on a hub, or could lead to another path. */
export function checkHubFile({ repo, file, revision, sha256 }: HubFile): void {
  const sound = /^([A-Za-z0-9_.-]{1,96}\/)?[A-Za-z0-9_.-]{1,96}$/.test(repo) && isSoundPath(repo);
  if (!sound) throw usageError(`${JSON.stringify(repo)} is not a Hugging Face repository: write it as owner/name.`);
  if (!isSoundPath(file))
    throw usageError(`${JSON.stringify(file)} cannot be a file of ${repo}: give its path within the repository.`);
  if (!isSoundPath(revision) || /[\s~^:?*[]|^-|\.\./.test(revision))
    throw usageError(`${JSON.stringify(revision)} is not a revision of ${repo}: give a commit, a branch or a tag.`);
  if (sha256 !== undefined && !isSha256(sha256))
    throw usageError(`${JSON.stringify(sha256)} is not a SHA-256: give 64 hexadecimal digits in lower case.`);
}

/** The hub that `HF_ENDPOINT` names, default https://huggingface.co, with the token in `HF_TOKEN`. */
export function hubOf(env: Readonly<Record<string, string | undefined>> = process.env): Hub {
  const endpoint = (env.HF_ENDPOINT?.trim() || "https://huggingface.co").replace(/\/+$/, "");
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  // The message does not show it: it may contain a password.
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw usageError(
      "HF_ENDPOINT must be a plain http(s) address such as https://huggingface.co, without a password (use HF_TOKEN instead).",
    );
  const token = env.HF_TOKEN?.trim() || undefined;
  if (token && !/^[\x21-\x7e]+$/.test(token))
    throw workError("HF_TOKEN has characters that a token cannot have: copy it again, or unset it.");
  return { endpoint, token };
}

/** The URL of a file's bytes, or of a redirect to them. */
export const resolveUrl = ({ endpoint }: Hub, { repo, file, revision }: HubFile): URL =>
  new URL(`${endpoint}/${repo}/resolve/${encoded(revision)}/${file.split("/").map(encoded).join("/")}`);

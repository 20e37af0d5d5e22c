/**
 * What names a file on a Hugging Face hub, and where the hub is: the words of a request, checked before they become
 * part of an address or of a path on disk. Nothing is fetched here.
 */
import { usageError, workError } from "../../base/errors.ts";

/** One file of a model repository. */
export interface HubFile {
  /** `owner/name`, or `name` alone for the few that have no owner. */
  readonly repo: string;
  /** Path within the repository, with `/`. */
  readonly file: string;
  /** A commit of 40 hexadecimal digits, which never changes; or a branch or tag, asked for anew each time. */
  readonly revision: string;
  /** SHA-256 of its bytes, in hexadecimal; nothing else is then accepted. */
  readonly sha256?: string | undefined;
}

/** A hub, and who asks. */
export interface Hub {
  /** Without a slash at the end. */
  readonly endpoint: string;
  /** Sent to the endpoint itself and to nobody else; never to be shown. */
  readonly token: string | undefined;
}

/** `owner/name: file`, as sentences name it. */
export const nameOf = ({ repo, file }: HubFile): string => `${repo}/${file}`;

/** How a command names a file of a hub. */
const HUB_FILE = /^hf:([^/]+\/[^/]+)\/([^@]+)(?:@(.+))?$/;

/**
 * The file of a hub that a text such as `hf:owner/name/vgg16.h5` or `hf:owner/name/vgg16.h5@revision` names; nothing where
 * it is no such text. The revision is the branch `main` unless said.
 *
 * @throws GraftError (`usage`) where the text begins so and goes on otherwise
 */
export function hubFileOf(text: string): HubFile | undefined {
  if (!text.startsWith("hf:")) return undefined;
  const [, repo, file, revision = "main"] = HUB_FILE.exec(text) ?? [];
  if (repo === undefined || file === undefined)
    throw usageError(
      `${JSON.stringify(text)} names no file of a hub: write it as hf:OWNER/NAME/FILE, or with @REVISION.`,
    );
  return { repo, file, revision };
}

/** Whether a revision is a commit, which always holds the same files. */
export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

/** Whether a text is a SHA-256 in lower-case hexadecimal. */
export const isSha256 = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

/** A name made fit to be one part of an address or one file's name: `/` becomes `%2F`. */
export const encoded = (name: string): string => encodeURIComponent(name).replaceAll("*", "%2A");

const isSoundPath = (path: string): boolean =>
  path.split("/").every((step) => step !== "" && step !== "." && step !== "..") &&
  // Control characters and half surrogates, which no address can carry.
  !/[\\\p{Cc}\p{Cs}]/u.test(path) &&
  encoded(path).length <= 240;

/** Throws a usage error where a name could not be on a hub, or could lead elsewhere. */
export function checkHubFile({ repo, file, revision, sha256 }: HubFile): void {
  const sound = /^([A-Za-z0-9_.-]{1,96}\/)?[A-Za-z0-9_.-]{1,96}$/.test(repo) && isSoundPath(repo);
  if (!sound) throw usageError(`${JSON.stringify(repo)} is no Hugging Face repository: write it as owner/name.`);
  if (!isSoundPath(file))
    throw usageError(`${JSON.stringify(file)} cannot be a file of ${repo}: give its path within the repository.`);
  if (!isSoundPath(revision) || /[\s~^:?*[]|^-|\.\./.test(revision))
    throw usageError(`${JSON.stringify(revision)} is no revision of ${repo}: give a commit, a branch or a tag.`);
  if (sha256 !== undefined && !isSha256(sha256))
    throw usageError(`${JSON.stringify(sha256)} is no SHA-256: give 64 hexadecimal digits in lower case.`);
}

/** The hub that `HF_ENDPOINT` names, default https://huggingface.co, with the token in `HF_TOKEN`. */
export function hubOf(env: Readonly<Record<string, string | undefined>> = process.env): Hub {
  const endpoint = (env.HF_ENDPOINT?.trim() || "https://huggingface.co").replace(/\/+$/, "");
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  // Not shown: it may hold a password.
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw usageError(
      "HF_ENDPOINT must be a plain http(s) address such as https://huggingface.co, without a password (that is HF_TOKEN's place).",
    );
  const token = env.HF_TOKEN?.trim() || undefined;
  if (token && !/^[\x21-\x7e]+$/.test(token))
    throw workError("HF_TOKEN holds characters that no token has: copy it anew, or unset it.");
  return { endpoint, token };
}

/** The address of a file's bytes, or of the redirect that leads to them. */
export const resolveUrl = ({ endpoint }: Hub, { repo, file, revision }: HubFile): URL =>
  new URL(`${endpoint}/${repo}/resolve/${encoded(revision)}/${file.split("/").map(encoded).join("/")}`);

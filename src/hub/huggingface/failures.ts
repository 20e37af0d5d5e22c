/**
 * What can go wrong with a hub, each as one sentence with the cause and the remedy. Nothing that a server says is
 * repeated here but numbers and codes.
 */
import { codeOf, fetchFailed, type GraftError, messageOf, offline, workError } from "../../base/errors.ts";
import { type Hub, type HubFile, nameOf } from "./address.ts";

/** What a sentence may name. */
export interface Attempt {
  readonly hub: Hub;
  readonly of: HubFile;
  /** The commit of which the cache holds this file, where it does: what `--offline` would take. */
  readonly cached?: string | undefined;
}

/** A fault that may pass: what was done is worth doing again, at the soonest after `wait` milliseconds where given. */
export class PassingFault extends Error {
  readonly wait: number | undefined;
  /** What to tell the user once patience is at its end. */
  readonly final: GraftError;

  constructor(final: GraftError, wait?: number) {
    super(final.message, { cause: final });
    this.final = final;
    this.wait = wait;
  }
}

function unreachable(origin: string, code: string, { cached }: Attempt): string {
  const copy = cached ? `pass --offline to use the copy in the cache (commit ${cached.slice(0, 8)}), ` : "";
  return (
    `Could not reach ${origin} (${code}): check the connection, set HF_ENDPOINT to a mirror, ` +
    `${copy}or pass a file with --weights${proxyHint()}.`
  );
}

/** Node's fetch takes no notice of a proxy unless it is told to. */
function proxyHint(env = process.env): string {
  const set = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"].find((name) => env[name]);
  return set && !env.NODE_USE_ENV_PROXY ? `; ${set} is used where NODE_USE_ENV_PROXY=1 is set, from Node 22.21 on` : "";
}

/** The name of what `fetch` throws at an answer that is no HTTP. */
const PARSER_ERROR = "HTTPParserError";

/** The code at the bottom of what `fetch` throws. */
function rootCode(error: unknown): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    // The parser's errors have no code since Node 24.
    const code = codeOf(at) ?? (at.name === PARSER_ERROR ? PARSER_ERROR : undefined);
    if (code) return code;
    if (at.cause === undefined) return at.message;
  }
  return messageOf(error);
}

/** Nobody is there at all: trying again within seconds seldom helps. */
const absent = /^(ENOTFOUND|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EAI_FAIL)$/;
const uncertified = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|ERR_SSL/;
const malformed =
  /^(HTTPParserError|HPE_\w+|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_EXCEEDED_MAX_SIZE|UND_ERR_INVALID_ARG)$/;

/** For what `fetch` threw at an address, before or while its body arrived. */
export function connectionFault(error: unknown, url: URL, attempt: Attempt): GraftError | PassingFault {
  const { of } = attempt;
  const code = rootCode(error);
  if (uncertified.test(code))
    return fetchFailed(
      `${url.origin} showed a certificate that is not trusted here (${code}), so ${nameOf(of)} was not fetched: ` +
        "set NODE_EXTRA_CA_CERTS to the certificate of whoever runs it.",
      error,
    );
  if (malformed.test(code))
    return fetchFailed(
      `${url.origin} answered with something that is no sound HTTP (${code}), so ${nameOf(of)} was not fetched: ` +
        "set HF_ENDPOINT to a working hub.",
      error,
    );
  const final = fetchFailed(unreachable(url.origin, code, attempt), error);
  return absent.test(code) ? final : new PassingFault(final);
}

/** No byte came for a while. */
export const stallFault = (url: URL, milliseconds: number, attempt: Attempt): PassingFault =>
  new PassingFault(fetchFailed(unreachable(url.origin, `nothing came for ${milliseconds / 1000} s`, attempt)));

/** A transfer that ended before its end. */
export const cutFault = ({ of }: Attempt, url: URL, received: number, size: number | undefined): PassingFault =>
  new PassingFault(
    fetchFailed(
      `${url.origin} broke off or fell silent in ${nameOf(of)} after ${received}${size === undefined ? "" : ` of ${size}`} bytes, again and again: ` +
        "run the same command again, it goes on from there.",
    ),
  );

const passing = new Set([408, 425, 429, 500, 502, 503, 504]);

/** The fault that a status other than success stands for. */
export function statusFault(response: Response, url: URL, attempt: Attempt): GraftError | PassingFault {
  const { status, headers } = response;
  const { hub, of } = attempt;
  if (passing.has(status)) {
    const wait = waitOf(headers);
    const remedy = wait === undefined ? "try again later" : `try again in ${Math.ceil(wait / 1000)} s`;
    const final = fetchFailed(
      `${url.origin} did not serve ${nameOf(of)} (HTTP ${status}): ${remedy}` +
        `${status === 429 && !hub.token ? ", set HF_TOKEN to be allowed more," : ""} or set HF_ENDPOINT to a mirror.`,
    );
    return new PassingFault(final, wait);
  }
  // The hub's storage: an address that it gave out may have run out, and a new one be had by asking again.
  if (url.origin !== new URL(hub.endpoint).origin)
    return new PassingFault(
      fetchFailed(
        `${url.origin}, where ${hub.endpoint} keeps ${nameOf(of)}, refused it (HTTP ${status}): try again later, ` +
          "or set HF_ENDPOINT to a mirror.",
      ),
    );
  return fetchFailed(refusal(status, headers.get("x-error-code") ?? "", attempt));
}

/** Milliseconds to wait, from `Retry-After` (RFC 9110, 10.2.3) or the `t` of `RateLimit` (what the hub sends). */
function waitOf(headers: Headers): number | undefined {
  const after = headers.get("retry-after")?.trim();
  if (after && /^\d{1,9}$/.test(after)) return Number(after) * 1000;
  const date = after ? Date.parse(after) : Number.NaN;
  if (!Number.isNaN(date)) return Math.max(0, date - Date.now());
  const reset = /;\s*t=(\d{1,9})\b/.exec(headers.get("ratelimit") ?? "");
  return reset ? Number(reset[1]) * 1000 : undefined;
}

/** What the hub means by a refusal; its codes: huggingface_hub's `hf_raise_for_status`. */
function refusal(status: number, code: string, { hub: { endpoint, token }, of }: Attempt): string {
  const { repo, file, revision } = of;
  if (code === "GatedRepo")
    return (
      `${repo} is only for those who accepted its licence (HTTP ${status}): accept it at ${endpoint}/${repo} ` +
      `and set HF_TOKEN to ${token ? "a token that may read it (the one set may not)" : "a token of that account"}.`
    );
  if (code === "EntryNotFound")
    return `${repo} has no file ${file} at revision ${revision}: see ${endpoint}/${repo}/tree/${revision} for those it has.`;
  if (code === "RevisionNotFound")
    return `${repo} has no revision ${revision}: give a commit, branch or tag that ${endpoint}/${repo}/commits lists.`;
  if (code === "RepoNotFound" || status === 401)
    return (
      `${endpoint} has no repository ${repo} that ${token ? "the token in HF_TOKEN may read" : "all may read"} (HTTP ${status}): ` +
      `check the name, ${token ? "and that the token is valid and may read it" : "or set HF_TOKEN if it is private or gated"}.`
    );
  if (status === 403)
    return (
      `${endpoint} refused ${nameOf(of)} (HTTP 403): if ${endpoint}/${repo} has a licence to accept, accept it, ` +
      `and set HF_TOKEN to a token that may read it${token ? " (the one set may not)" : ""}.`
    );
  if (status === 404)
    return `${endpoint} has no ${nameOf(of)} at revision ${revision} (HTTP 404): check repository, revision and file name.`;
  return `${endpoint} refused ${nameOf(of)} (HTTP ${status}): check HF_ENDPOINT, or pass a file with --weights.`;
}

/** A redirect that cannot or must not be followed. */
export const redirectFailure = (url: URL, why: string, { of }: Attempt): GraftError =>
  fetchFailed(`${url.origin} sends ${nameOf(of)} on ${why}: set HF_ENDPOINT to another hub.`);

/** Nothing in the cache, and the network is not to be asked. */
export const offlineFailure = (of: HubFile, endpoint: string, folder: string): GraftError =>
  offline(
    `${nameOf(of)} at revision ${of.revision} is not in the cache and Graft works offline: run once without --offline ` +
      `to fetch it from ${endpoint}, pass a file with --weights, or copy ${folder} from a machine that has it.`,
  );

/** Bytes other than they must be. */
export const alteredFailure = ({ hub, of }: Attempt, why: string): GraftError =>
  fetchFailed(
    `What ${hub.endpoint} sent as ${nameOf(of)} is not the file it should be (${why}): nothing of it was kept; ` +
      "run the same command again, or set HF_ENDPOINT to another mirror.",
  );

/** A file announced that is not the one pinned or fetched before; nothing was transferred. */
export const otherFileFailure = ({ hub, of }: Attempt, announced: string, expected: string, who: string): GraftError =>
  fetchFailed(
    `${hub.endpoint} offers another ${nameOf(of)} at revision ${of.revision} than ${who} ` +
      `(sha256 ${announced.slice(0, 12)}… instead of ${expected.slice(0, 12)}…): nothing was fetched; ` +
      "set HF_ENDPOINT to a hub that is trusted, or name the revision that is meant.",
  );

/** An answer that lacks or twists what a hub must tell. */
export const announcementFailure = ({ hub, of }: Attempt, what: string): GraftError =>
  fetchFailed(
    `${hub.endpoint} ${what} for ${nameOf(of)}: set HF_ENDPOINT to a hub that answers as huggingface.co does.`,
  );

/** A file too large to be what is asked for. */
export const sizeFailure = ({ hub, of }: Attempt, size: number, limit: number): GraftError =>
  fetchFailed(
    `${hub.endpoint} offers ${nameOf(of)} with ${size} bytes, more than the ${limit} that Graft takes: ` +
      "check that it is the file that is meant.",
  );

/** What the cache has is damaged and cannot be fetched again. */
export const damagedFailure = (path: string, why: string): Error =>
  workError(`${path} in the cache is damaged, and ${why}.`, undefined, "cache-damaged");

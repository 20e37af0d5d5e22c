/**
 * Everything that can go wrong with a hub, each as one sentence with the cause and the remedy. From servers' responses the
 * sentences repeat only numbers and codes.
 */
import { codeOf, fetchFailed, type GraftError, messageOf, offline, workError } from "../../base/errors.ts";
import { type Hub, type HubFile, nameOf } from "./hub-address.ts";

/** What the sentences name. */
export interface Attempt {
  readonly hub: Hub;
  readonly of: HubFile;
  /** The commit of the cached copy, if there is one: what `--offline` would use. */
  readonly cached?: string | undefined;
}

/** A failure that may be temporary: worth another try, at the earliest after `waitMs` milliseconds if given. */
export class PassingFault extends Error {
  readonly waitMs: number | undefined;
  /** The error to throw after the last try. */
  readonly final: GraftError;

  constructor(final: GraftError, waitMs?: number) {
    super(final.message, { cause: final });
    this.final = final;
    this.waitMs = waitMs;
  }
}

function unreachable(origin: string, code: string, { cached }: Attempt): string {
  const copy = cached ? `pass --offline to use the copy in the cache (commit ${cached.slice(0, 8)}), ` : "";
  return (
    `Could not reach ${origin} (${code}): check the connection, set HF_ENDPOINT to a mirror, ` +
    `${copy}or pass a file with --weights${proxyHint()}.`
  );
}

/** Node's fetch ignores proxy variables unless NODE_USE_ENV_PROXY is set. */
function proxyHint(env = process.env): string {
  const set = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"].find((name) => env[name]);
  return set && !env.NODE_USE_ENV_PROXY ? `; set NODE_USE_ENV_PROXY=1 to use ${set} (Node 22.21 or later)` : "";
}

/** The name of the error that `fetch` throws for a response that is not HTTP. */
const PARSER_ERROR = "HTTPParserError";

/** The code of the innermost cause of an error that `fetch` threw. */
function rootCode(error: unknown): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    // Since Node 24 the parser's errors have no code.
    const code = codeOf(at) ?? (at.name === PARSER_ERROR ? PARSER_ERROR : undefined);
    if (code) return code;
    if (at.cause === undefined) return at.message;
  }
  return messageOf(error);
}

/** The host does not exist or does not listen: retrying within seconds rarely helps. */
const absent = /^(ENOTFOUND|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EAI_FAIL)$/;
const uncertified = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|ERR_SSL/;
const malformed =
  /^(HTTPParserError|HPE_\w+|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_EXCEEDED_MAX_SIZE|UND_ERR_INVALID_ARG)$/;

/** The failure for an error that `fetch` threw, before or while the body arrived. */
export function connectionFault(error: unknown, url: URL, attempt: Attempt): GraftError | PassingFault {
  const { of } = attempt;
  const code = rootCode(error);
  if (uncertified.test(code))
    return fetchFailed(
      `${url.origin} sent a certificate that this machine does not trust (${code}), so ${nameOf(of)} was not fetched: ` +
        "set NODE_EXTRA_CA_CERTS to the certificate of its operator.",
      error,
    );
  if (malformed.test(code))
    return fetchFailed(
      `${url.origin} sent a response that is not valid HTTP (${code}), so ${nameOf(of)} was not fetched: ` +
        "set HF_ENDPOINT to a working hub.",
      error,
    );
  const final = fetchFailed(unreachable(url.origin, code, attempt), error);
  return absent.test(code) ? final : new PassingFault(final);
}

/** No byte arrived for a while. */
export const stallFault = (url: URL, milliseconds: number, attempt: Attempt): PassingFault =>
  new PassingFault(fetchFailed(unreachable(url.origin, `no data for ${milliseconds / 1000} s`, attempt)));

/** A transfer that stopped early. */
export const cutFault = ({ of }: Attempt, url: URL, received: number, size: number | undefined): PassingFault =>
  new PassingFault(
    fetchFailed(
      `${url.origin} repeatedly stopped sending ${nameOf(of)} after ${received}${size === undefined ? "" : ` of ${size}`} bytes: ` +
        "run the same command again to resume.",
    ),
  );

const passing = new Set([408, 425, 429, 500, 502, 503, 504]);

/** The failure for an HTTP status other than success. */
export function statusFault(response: Response, url: URL, attempt: Attempt): GraftError | PassingFault {
  const { status, headers } = response;
  const { hub, of } = attempt;
  if (passing.has(status)) {
    const waitMs = waitOf(headers);
    const remedy = waitMs === undefined ? "try again later" : `try again in ${Math.ceil(waitMs / 1000)} s`;
    const final = fetchFailed(
      `${url.origin} did not serve ${nameOf(of)} (HTTP ${status}): ${remedy}` +
        `${status === 429 && !hub.token ? ", set HF_TOKEN for a higher limit," : ""} or set HF_ENDPOINT to a mirror.`,
    );
    return new PassingFault(final, waitMs);
  }
  // The hub's storage: the signed URL may have expired, and another request to the hub returns a new one.
  if (url.origin !== new URL(hub.endpoint).origin)
    return new PassingFault(
      fetchFailed(
        `${url.origin}, where ${hub.endpoint} stores ${nameOf(of)}, refused it (HTTP ${status}): try again later, ` +
          "or set HF_ENDPOINT to a mirror.",
      ),
    );
  return fetchFailed(refusal(status, headers.get("x-error-code") ?? "", attempt));
}

/** Milliseconds to wait, from `Retry-After` (RFC 9110, 10.2.3) or the `t` of `RateLimit`, which the hub sends. */
function waitOf(headers: Headers): number | undefined {
  const after = headers.get("retry-after")?.trim();
  if (after && /^\d{1,9}$/.test(after)) return Number(after) * 1000;
  const date = after ? Date.parse(after) : Number.NaN;
  if (!Number.isNaN(date)) return Math.max(0, date - Date.now());
  const reset = /;\s*t=(\d{1,9})\b/.exec(headers.get("ratelimit") ?? "");
  return reset ? Number(reset[1]) * 1000 : undefined;
}

/** Why the hub refused. Source of its codes: huggingface_hub's `hf_raise_for_status`. */
function refusal(status: number, code: string, { hub: { endpoint, token }, of }: Attempt): string {
  const { repo, file, revision } = of;
  if (code === "GatedRepo")
    return (
      `${repo} requires its licence to be accepted (HTTP ${status}): accept it at ${endpoint}/${repo} ` +
      `and set HF_TOKEN to ${token ? "a token that may read it (the one set may not)" : "a token of that account"}.`
    );
  if (code === "EntryNotFound")
    return `${repo} has no file ${file} at revision ${revision}: see ${endpoint}/${repo}/tree/${revision} for its files.`;
  if (code === "RevisionNotFound")
    return `${repo} has no revision ${revision}: give a commit, branch or tag that ${endpoint}/${repo}/commits lists.`;
  if (code === "RepoNotFound" || status === 401)
    return (
      `${endpoint} has no repository ${repo} that ${token ? "the token in HF_TOKEN may read" : "everyone may read"} (HTTP ${status}): ` +
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
  fetchFailed(`${url.origin} redirects ${nameOf(of)} ${why}: set HF_ENDPOINT to another hub.`);

/** The file is not in the cache, and Graft may not download it. */
export const offlineFailure = (of: HubFile, endpoint: string, folder: string): GraftError =>
  offline(
    `${nameOf(of)} at revision ${of.revision} is not in the cache and Graft is offline: run once without --offline ` +
      `to fetch it from ${endpoint}, pass a file with --weights, or copy ${folder} from a machine that has it.`,
  );

/** The bytes are not the expected ones. */
export const alteredFailure = ({ hub, of }: Attempt, why: string): GraftError =>
  fetchFailed(
    `What ${hub.endpoint} sent as ${nameOf(of)} is not the expected file (${why}): nothing was kept; ` +
      "run the same command again, or set HF_ENDPOINT to another mirror.",
  );

/** The hub offers a file that is not the one pinned or fetched before; nothing was transferred. */
export const otherFileFailure = ({ hub, of }: Attempt, offered: string, expected: string, who: string): GraftError =>
  fetchFailed(
    `${hub.endpoint} offers a different ${nameOf(of)} at revision ${of.revision} than ${who} ` +
      `(sha256 ${offered.slice(0, 12)}… instead of ${expected.slice(0, 12)}…): nothing was fetched; ` +
      "set HF_ENDPOINT to a trusted hub, or give the intended revision.",
  );

/** A response whose metadata is missing or wrong. */
export const fileMetadataFailure = ({ hub, of }: Attempt, what: string): GraftError =>
  fetchFailed(`${hub.endpoint} ${what} for ${nameOf(of)}: set HF_ENDPOINT to a hub that works like huggingface.co.`);

/** A file that is larger than allowed. */
export const sizeFailure = ({ hub, of }: Attempt, size: number, limit: number): GraftError =>
  fetchFailed(
    `${hub.endpoint} offers ${nameOf(of)} with ${size} bytes, more than the limit of ${limit}: ` +
      "check that it is the right file.",
  );

/** The cached file is damaged and cannot be fetched again. */
export const damagedFailure = (path: string, why: string): Error =>
  workError(`${path} in the cache is damaged, and ${why}.`, undefined, "cache-damaged");

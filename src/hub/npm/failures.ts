/**
 * Everything that can go wrong with a registry, each as one sentence with the cause and the remedy.
 */
import { codeOf, fetchFailed, GraftError, messageOf, offline, workError } from "../../base/errors.ts";
import { writeFailure } from "../../base/files.ts";
import { idOf, type NpmPackage } from "./packages.ts";

/** What the sentences name. */
export interface Attempt {
  readonly spec: NpmPackage;
  /** The URL of the registry without credentials. */
  readonly registry: string;
  /** The folder of the package in the cache. */
  readonly folder: string;
}

const unreachable = ({ spec, registry, folder }: Attempt, code: string): string =>
  `Could not fetch ${idOf(spec)} from the npm registry ${registry} (${code}): check the connection, ` +
  `set npm_config_registry to a registry that this machine can reach, or copy ${folder} from a machine that has it.`;

const missing = ({ spec, registry, folder }: Attempt, code: string): string =>
  `The npm registry ${registry} does not have ${idOf(spec)} (${code}): ` +
  `set npm_config_registry to a registry that has it, or copy ${folder} from a machine that has it.`;

const refused = ({ spec, registry }: Attempt, code: string): string =>
  `The npm registry ${registry} refused ${idOf(spec)} (${code}): log in to it with \`npm login\`, ` +
  "or set npm_config_registry to a registry that needs no login.";

const altered = ({ spec, registry }: Attempt, code: string): string =>
  `What the npm registry ${registry} sent as ${idOf(spec)} is not the published package (${code}): nothing ` +
  "was kept; run the same command again, or set npm_config_registry to another registry.";

const uncertified = ({ spec, registry }: Attempt, code: string): string =>
  `The npm registry ${registry} sent a certificate that this machine does not trust (${code}), so ${idOf(spec)} was not ` +
  "fetched: set npm's cafile (or NODE_EXTRA_CA_CERTS) to the certificate of its operator.";

const sentences: readonly (readonly [codes: RegExp, sentence: (attempt: Attempt, code: string) => string])[] = [
  [/^(E404|ETARGET|ENOVERSIONS|E410)$/, missing],
  [/^(E401|E403|E407|ENEEDAUTH)$/, refused],
  [/^(EINTEGRITY|Z_\w+|TAR_\w+|EMANIFESTMISMATCH)$/, altered],
  [/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/, uncertified],
];

const diskCodes = /^(ENOSPC|EDQUOT|EROFS|EACCES|EPERM|EISDIR|ENOTDIR|EEXIST|ENAMETOOLONG|EMFILE)$/;

/** The error for anything that was thrown while fetching and unpacking a package. */
export function fetchFailure(error: unknown, attempt: Attempt): Error {
  if (error instanceof GraftError) return error;
  const code = codeOf(error) ?? messageOf(error);
  if (diskCodes.test(code)) return writeFailure(attempt.folder, error);
  const sentence = sentences.find(([codes]) => codes.test(code))?.[1] ?? unreachable;
  return fetchFailed(sentence(attempt, code), error);
}

/** The hash of the tarball is not the pinned one. */
export const integrityFailure = (attempt: Attempt): Error => fetchFailed(altered(attempt, "its sha512 differs"));

/** The package is not in the cache, and Graft may not download it. */
export const offlineFailure = ({ spec, registry, folder }: Attempt): Error =>
  offline(
    `${idOf(spec)} is not in the cache and Graft is offline: run once without --offline to fetch it from ${registry}, ` +
      `or copy ${folder} from a machine that has it.`,
  );

/** A cached file is damaged, and Graft may not download it. */
export const damagedFailure = ({ spec }: Attempt, path: string): Error =>
  workError(
    `${path}, of ${idOf(spec)}, is damaged and Graft is offline: run once without --offline to fetch it again.`,
    undefined,
    "cache-damaged",
  );

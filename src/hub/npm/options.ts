/**
 * npm's configuration as `pacote` wants it: which setting becomes which option. Nothing is read or fetched here,
 * but for the certificates that a setting points to.
 */
import { readFileSync } from "node:fs";
import { workError } from "../../base/errors.ts";
import { systemReason } from "../../base/system-errors.ts";
import type { NpmConfig } from "./config.ts";

/** Options of `pacote`; credentials are among them under names that begin with `//host/`. */
export type RegistryOptions = Readonly<Record<string, unknown>> & {
  readonly registry: string;
  readonly fetchRetries: number;
};

type Convert = (value: string | readonly string[], name: string) => unknown;

const asText: Convert = (value) => (typeof value === "string" ? value : value.join("\n"));
const asList: Convert = (value) => (typeof value === "string" ? value.replaceAll("\\n", "\n") : value);
const asSwitch: Convert = (value) => value !== "false";
const asCount: Convert = (value, name) => {
  const count = Number(value);
  if (Number.isFinite(count) && count >= 0) return count;
  throw workError(
    `npm's setting ${name} is "${String(value)}", which is no number: correct it with \`npm config edit\`.`,
  );
};
const asFile: Convert = (value, name) => {
  try {
    return (
      readFileSync(String(value), "utf8").match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
    );
  } catch (error) {
    throw workError(
      `npm's setting ${name} names ${String(value)}, which cannot be read: ${systemReason(error, "read")}.`,
      error,
    );
  }
};

/** Setting → option. Later rows win. */
const conversions: readonly (readonly [setting: string, option: string, convert: Convert])[] = [
  ["registry", "registry", asText],
  ["replace-registry-host", "replaceRegistryHost", asText],
  ["proxy", "proxy", asText],
  ["https-proxy", "httpsProxy", asText],
  ["noproxy", "noProxy", asText],
  ["local-address", "localAddress", asText],
  ["strict-ssl", "strictSSL", asSwitch],
  ["cert", "cert", asList],
  ["key", "key", asList],
  ["ca", "ca", asList],
  ["cafile", "ca", asFile],
  ["fetch-timeout", "timeout", asCount],
  ["fetch-retries", "fetchRetries", asCount],
  ["fetch-retry-factor", "fetchRetryFactor", asCount],
  ["fetch-retry-mintimeout", "fetchRetryMintimeout", asCount],
  ["fetch-retry-maxtimeout", "fetchRetryMaxtimeout", asCount],
];

/** Where nothing is configured: npm's registry, and less patience than npm, as a person is waiting. */
const defaults: RegistryOptions = {
  registry: "https://registry.npmjs.org/",
  timeout: 60_000,
  fetchRetries: 2,
  fetchRetryFactor: 3,
  fetchRetryMintimeout: 1000,
  fetchRetryMaxtimeout: 10_000,
};

/** The options for a configuration. Throws a GraftError (`work`) that names the setting where one is unusable. */
export function registryOptions(config: NpmConfig): RegistryOptions {
  const options: Record<string, unknown> & { registry: string; fetchRetries: number } = { ...defaults };
  for (const [setting, option, convert] of conversions) {
    const value = config.get(setting);
    if (value !== undefined && value !== "null" && value !== "") options[option] = convert(value, setting);
  }
  for (const [name, value] of config) {
    if (name.startsWith("//") || /^@[^/]+:registry$/.test(name)) options[name] = value;
  }
  return options;
}

/**
 * The address of the registry that a package comes from (its scope may have one of its own), without any credentials.
 * Throws a GraftError (`work`) where the setting is no address.
 */
export function registryOf(packageName: string, options: RegistryOptions): string {
  const scope = packageName.startsWith("@") ? `${packageName.split("/")[0]}:registry` : undefined;
  const setting = scope !== undefined && options[scope] !== undefined ? scope : "registry";
  const address = String(options[setting]);
  if (!/^https?:/.test(address) || !URL.canParse(address)) {
    throw workError(
      `npm's setting ${setting} is "${address}", which is no http(s) address: correct it with \`npm config edit\`.`,
    );
  }
  const { origin, pathname } = new URL(address);
  return `${origin}${pathname}`;
}

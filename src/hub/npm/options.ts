/**
 * Converts npm's configuration to options of `pacote`. Reads only the certificate files that a setting names; fetches nothing.
 */
import { readFileSync } from "node:fs";
import { workError } from "../../base/errors.ts";
import { systemReason } from "../../base/system-errors.ts";
import type { NpmConfig } from "./config.ts";

/** Options of `pacote`; those that start with `//host/` are credentials. */
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
    `npm's setting ${name} is "${String(value)}", which is not a number: correct it with \`npm config edit\`.`,
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

/** Setting → option. Later rows take precedence. */
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

/** The defaults: npm's registry, and fewer retries than npm, because a person is waiting. */
const defaults: RegistryOptions = {
  registry: "https://registry.npmjs.org/",
  timeout: 60_000,
  fetchRetries: 2,
  fetchRetryFactor: 3,
  fetchRetryMintimeout: 1000,
  fetchRetryMaxtimeout: 10_000,
};

/** The options for a configuration. Throws a GraftError (`work`) that names a setting that cannot be used. */
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
 * The URL of the registry for a package, without credentials. A scope may have its own registry.
 * Throws a GraftError (`work`) if the setting is not a URL.
 */
export function registryOf(packageName: string, options: RegistryOptions): string {
  const scope = packageName.startsWith("@") ? `${packageName.split("/")[0]}:registry` : undefined;
  const setting = scope !== undefined && options[scope] !== undefined ? scope : "registry";
  const address = String(options[setting]);
  if (!/^https?:/.test(address) || !URL.canParse(address)) {
    throw workError(
      `npm's setting ${setting} is "${address}", which is not an http(s) address: correct it with \`npm config edit\`.`,
    );
  }
  const { origin, pathname } = new URL(address);
  return `${origin}${pathname}`;
}

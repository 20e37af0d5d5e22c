/**
 * Reads the user's npm configuration, as far as fetching a package needs it: registry, credentials, proxy, certificates,
 * retries. Reads the same sources as npm, in npm's order: `npm_config_*` variables, the project's `.npmrc`, the user's, the
 * machine's. Fetches nothing. (npm's own reader, `@npmcli/config`, needs an npm installation and Node 22.)
 * Source of the rules: https://docs.npmjs.com/cli/v11/using-npm/config and …/configuring-npm/npmrc.
 */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { codeOf, workError } from "../../base/errors.ts";
import { systemReason } from "../../base/system-errors.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/** Settings by name; a name written as `name[]` has a list. They include credentials and must never be shown. */
export type NpmConfig = ReadonlyMap<string, string | readonly string[]>;

/** Where to look for the configuration. Default: this process. */
export interface NpmSurroundings {
  readonly env?: Variables | undefined;
  readonly cwd?: string | undefined;
  readonly home?: string | undefined;
}

/** Reads the configuration. Throws a GraftError (`work`) if an `.npmrc` exists and cannot be read. */
export function readNpmConfig({
  env = process.env,
  cwd = process.cwd(),
  home = homedir(),
}: NpmSurroundings = {}): NpmConfig {
  const own = fromVariables(env);
  const text = (name: string): string | undefined => {
    const value = own.get(name);
    return typeof value === "string" ? value : undefined;
  };
  const project = projectFolder(cwd);
  const user = resolve(text("userconfig") ?? join(home, ".npmrc"));
  const prefix = text("prefix") ?? env.PREFIX ?? defaultPrefix();
  const files = [text("globalconfig") ?? join(prefix, "etc", "npmrc"), user];
  if (project && join(project, ".npmrc") !== user) files.push(join(project, ".npmrc"));
  return new Map([...files.flatMap((file) => [...fromFile(file, env)]), ...own]);
}

function fromVariables(env: Variables): NpmConfig {
  const settings = new Map<string, string>();
  for (const [variable, value] of Object.entries(env)) {
    if (!value || !/^npm_config_/i.test(variable)) continue;
    const name = variable.slice("npm_config_".length);
    settings.set(name.startsWith("//") ? name : name.replace(/(?!^)_/g, "-").toLowerCase(), value);
  }
  return settings;
}

function fromFile(path: string, env: Variables): NpmConfig {
  try {
    return parseNpmrc(readFileSync(path, "utf8"), env);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return new Map();
    throw workError(`Could not read npm's configuration ${path}: ${systemReason(error, "read")}; or remove it.`, error);
  }
}

/** Parses an `.npmrc`: `name = value` lines, `name[] = value` for lists, `;` and `#` comments, and `${VARIABLE}` replaced by its value. */
export function parseNpmrc(text: string, env: Variables): NpmConfig {
  const settings = new Map<string, string | string[]>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([^;#=\s[][^=]*?)\s*(?:=\s*(.*?)\s*)?$/.exec(line);
    if (!match) continue;
    const name = filled(match[1]!, env);
    const value = filled(unquoted(match[2] ?? "true"), env);
    if (!name.endsWith("[]")) settings.set(name, value);
    else {
      const list = settings.get(name.slice(0, -2));
      settings.set(name.slice(0, -2), [...(Array.isArray(list) ? list : []), value]);
    }
  }
  return settings;
}

function unquoted(value: string): string {
  if (value.startsWith('"') && value.endsWith('"') && value.length > 1) {
    try {
      const parsed: unknown = JSON.parse(value);
      if (typeof parsed === "string") return parsed;
    } catch {
      return value.slice(1, -1);
    }
  }
  if (value.startsWith("'") && value.endsWith("'") && value.length > 1) return value.slice(1, -1);
  // A comment may follow the value, unless its first character is escaped.
  return value.replace(/(?<!\\)\s*[;#].*$/, "").replace(/\\([;#])/g, "$1");
}

/** Replaces `${NAME}` and `${NAME?}` by the variable. If it is unset, `${NAME?}` becomes empty and `${NAME}` stays, as in npm. */
const filled = (text: string, env: Variables): string =>
  text.replace(
    /\$\{([^${}?]+)(\?)?\}/g,
    (whole, name: string, optional?: string) => env[name] ?? (optional ? "" : whole),
  );

/** The nearest folder, from `cwd` up, that npm treats as a project. */
function projectFolder(cwd: string): string | undefined {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json")) || existsSync(join(folder, "node_modules"))) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

const defaultPrefix = (): string =>
  process.platform === "win32" ? dirname(process.execPath) : dirname(dirname(process.execPath));

// Options of `pacote` for a configuration. Of files, reads only the certificates that a setting names.

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

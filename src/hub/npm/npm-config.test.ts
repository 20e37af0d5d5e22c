// biome-ignore-all lint/suspicious/noTemplateCurlyInString: npm's own way to name a variable
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseNpmrc, readNpmConfig, registryOf, registryOptions } from "./npm-config.ts";

describe("parseNpmrc", () => {
  it.each([
    ["registry=https://a.example/", { registry: "https://a.example/" }],
    ["  registry =  https://a.example/  \r\n", { registry: "https://a.example/" }],
    ["; no\n# no\n\nstrict-ssl", { "strict-ssl": "true" }],
    ['proxy="http://p:1/"', { proxy: "http://p:1/" }],
    ["proxy='http://p:1/'", { proxy: "http://p:1/" }],
    ["ca[]=one\nca[]=two", { ca: ["one", "two"] }],
    ['ca="a\\nb"', { ca: "a\nb" }],
    ["//r.example/npm/:_authToken=abc==", { "//r.example/npm/:_authToken": "abc==" }],
    ["//r.example/:_authToken=${TOKEN}", { "//r.example/:_authToken": "t0k" }],
    ["a=${UNSET}\nb=${UNSET?}x", { a: "${UNSET}", b: "x" }],
    ["a=1 ; one\nb=x\\#y", { a: "1", b: "x#y" }],
  ])("reads %j", (text, settings) => {
    expect(Object.fromEntries(parseNpmrc(text, { TOKEN: "t0k" }))).toEqual(settings);
  });
});

describe("readNpmConfig", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "graft-npmrc-"));
    for (const folder of ["home", "prefix/etc", "project/deep"]) await mkdir(join(root, folder), { recursive: true });
    await writeFile(join(root, "project/package.json"), "{}");
    await writeFile(join(root, "prefix/etc/npmrc"), "a=machine\nb=machine\nc=machine\nd=machine");
    await writeFile(join(root, "home/.npmrc"), "b=user\nc=user\nd=user");
    await writeFile(join(root, "project/.npmrc"), "c=project\nd=project");
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it("prefers variables to the project's file, then the user's, then the machine's", () => {
    const env = { npm_config_prefix: join(root, "prefix"), NPM_CONFIG_D: "variable", npm_config_fetch_retries: "4" };
    const config = readNpmConfig({ env, cwd: join(root, "project/deep"), home: join(root, "home") });
    expect(["a", "b", "c", "d"].map((name) => config.get(name))).toEqual(["machine", "user", "project", "variable"]);
    expect(config.get("fetch-retries")).toBe("4");
  });

  it("reads the files named by variables", async () => {
    await writeFile(join(root, "mine"), "b=mine");
    const env = { npm_config_userconfig: join(root, "mine"), npm_config_globalconfig: join(root, "none") };
    const config = readNpmConfig({ env, cwd: root, home: join(root, "home") });
    expect(config.get("b")).toBe("mine");
    expect(config.get("a")).toBeUndefined();
  });

  it("names a file that cannot be read", () => {
    const env = { npm_config_userconfig: root };
    expect(() => readNpmConfig({ env, cwd: root, home: root })).toThrow(`npm's configuration ${root}`);
  });
});

describe("registryOptions", () => {
  const optionsFor = (text: string) => registryOptions(parseNpmrc(text, {}));

  it("converts settings to options of pacote", () => {
    expect(
      optionsFor(
        "registry=https://r.example/npm\nhttps-proxy=http://p:3128\nnoproxy=a,b\nstrict-ssl=false\nfetch-retries=5\nproxy=null",
      ),
    ).toMatchObject({
      registry: "https://r.example/npm",
      httpsProxy: "http://p:3128",
      noProxy: "a,b",
      strictSSL: false,
      fetchRetries: 5,
    });
    expect(optionsFor("proxy=null")).not.toHaveProperty("proxy");
    expect(optionsFor("")).toMatchObject({ registry: "https://registry.npmjs.org/" });
  });

  it("names an unusable setting", () => {
    expect(() => optionsFor("fetch-retries=many")).toThrow('npm\'s setting fetch-retries is "many"');
    expect(() => optionsFor("cafile=/no/such.pem")).toThrow("npm's setting cafile names /no/such.pem");
    expect(() => registryOf("net", optionsFor("registry=nowhere"))).toThrow('npm\'s setting registry is "nowhere"');
  });

  it("returns the registry of a scope, without credentials", () => {
    const options = optionsFor("registry=https://u:p@r.example/npm/\n@lab:registry=https://lab.example/");
    expect(registryOf("net", options)).toBe("https://r.example/npm/");
    expect(registryOf("@lab/net", options)).toBe("https://lab.example/");
    expect(registryOf("@other/net", options)).toBe("https://r.example/npm/");
  });
});

/**
 * Builds the studio's page (`vite build studio`), and with `--mode standalone` the script, style and runtime of stand-alone
 * pages. Colours and fonts come from the report's style sheet.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createLogger, defineConfig, type Plugin, type UserConfig } from "vite";
import { sharedStyle } from "../src/report/style-sheet.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** `virtual:graft-style.css`: the shared part of the report's style sheet. */
const reportStyle: Plugin = {
  name: "graft-style",
  resolveId: (id) => (id === "virtual:graft-style.css" ? `\0${id}` : null),
  load: (id) => (id === "\0virtual:graft-style.css" ? sharedStyle : null),
};

/**
 * Emits ONNX Runtime's WebAssembly for stand-alone pages as a file beside the script instead of text inside it. The runtime then
 * uses the page's URL as its own.
 */
const runtime: Plugin = {
  name: "graft-runtime",
  enforce: "pre",
  transform: (code, id) =>
    id.includes("onnxruntime-web") ? code.replaceAll("import.meta.url", "document.baseURI") : null,
  async generateBundle() {
    const name = "ort-wasm-simd-threaded.wasm";
    const source = await readFile(at(`../node_modules/onnxruntime-web/dist/${name}`));
    this.emitFile({ type: "asset", fileName: name, source });
  },
};

/** Vite warns about a # in the path, but its output for these sources is the same (tests/clone.test.ts). */
const logger = createLogger("warn");
const { warn } = logger;
logger.warn = (text, options) => {
  if (!text.includes("The project root contains")) warn(text, options);
};

const shared: UserConfig = {
  root: at("."),
  plugins: [reportStyle],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  logLevel: "warn",
  customLogger: logger,
};

/** On a busy machine, Rolldown warns about the time that plugins take. */
const rolldownOptions = { checks: { pluginTimings: false } };

const app: UserConfig = {
  ...shared,
  build: {
    outDir: at("../dist/studio-page"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    rolldownOptions,
  },
};

const standalone: UserConfig = {
  ...shared,
  plugins: [reportStyle, runtime],
  publicDir: false,
  build: {
    outDir: at("../dist/studio-standalone"),
    emptyOutDir: true,
    target: "es2022",
    rolldownOptions,
    lib: {
      entry: at("standalone/main.tsx"),
      formats: ["iife"],
      name: "graft",
      fileName: () => "standalone.js",
      cssFileName: "standalone",
    },
  },
};

export default defineConfig(({ mode }) => (mode === "standalone" ? standalone : app));

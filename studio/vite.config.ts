/**
 * How the studio's page is built (`vite build studio`), and with `--mode standalone` the script, style and runtime that
 * stand-alone pages are made from. Colours and type come from the report's own style sheet.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createLogger, defineConfig, type Plugin, type UserConfig } from "vite";
import { sharedStyle } from "../src/report/style/sheet.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** `virtual:graft-style.css`: what the report's sheet shares. */
const reportStyle: Plugin = {
  name: "graft-style",
  resolveId: (id) => (id === "virtual:graft-style.css" ? `\0${id}` : null),
  load: (id) => (id === "\0virtual:graft-style.css" ? sharedStyle : null),
};

/**
 * ONNX Runtime's WebAssembly, which a stand-alone page carries in itself: a file beside the script, not a text within it. The
 * runtime's own address is then the page's.
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

/** Vite warns of a # in the path, but what it makes of these sources is the same there (tests/clone.test.ts). */
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

/** On a busy machine it warns of the time that a plugin takes. */
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

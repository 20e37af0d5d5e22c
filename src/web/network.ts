/** A network in a page, to be trained: any ONNX file, a model that Graft trained before too. */
import { workError } from "../base/errors.ts";
import { checkedArgument } from "../base/options.ts";
import { decodeModel } from "../graph/onnx/read.ts";
import { raiseOpset } from "../graph/raise-opset.ts";
import { networkOf } from "../zoo/model-network.ts";
import type { Network } from "../zoo/network.ts";
import { openEngine } from "./engine.ts";
import { bytesOf } from "./fetch.ts";
import { checkedNetworkOptions, type NetworkOptions, type Source, source as sourceSchema } from "./options.ts";

/**
 * Opens an ONNX image network.
 *
 * @param source its address, a File or Blob, or its bytes
 * @throws GraftError (`data`) where it is no network that Graft can use; (`usage`) where there is no such tensor as `cut`;
 *   (`work`) where the engine or the network connection fails
 *
 * @example
 * const network = await openNetwork("/mobilenet_v2.onnx", { preprocessing: "inception" });
 */
export async function openNetwork(source: Source, options: NetworkOptions = {}): Promise<Network> {
  const { onProgress, cut, preprocessing, ...engine } = checkedNetworkOptions(options);
  const file = checkedArgument(sourceSchema, source, "The first argument of openNetwork");
  const { bytes, name } = await bytesOf(file, onProgress);
  await openEngine(engine);
  const model = raiseOpset(decodeModel(bytes, name));
  return { ...(await networkOf(model, name, { cut, preprocessing })), sha256: await sha256(bytes) };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  if (!globalThis.crypto?.subtle)
    throw workError(
      "This page is not served securely, so that the browser computes no checksums: serve it over https, or from localhost.",
    );
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

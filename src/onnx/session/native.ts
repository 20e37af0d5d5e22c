/**
 * ONNX Runtime for Node with its telemetry off: what `#onnxruntime` resolves to outside a browser, and the only module that loads
 * `onnxruntime-node`.
 */
import { requireNoTelemetry } from "./telemetry.ts";

export { InferenceSession, Tensor } from "#onnxruntime-node";

await requireNoTelemetry();

/** Names of vision transformers in torchvision. Keras Applications has no vision transformers. */
import { torchvision } from "./naming.ts";

export const torchvisionVit = torchvision(() => [
  [/^cls_token$/, "class_token"],
  [/^pos_embed$/, "encoder.pos_embedding"],
  [/^patch_embed\.proj\./, "conv_proj."],
  [/^blocks\.(\d+)\.norm([12])\./, "encoder.layers.encoder_layer_$1.ln_$2."],
  [/^blocks\.(\d+)\.attn\.qkv\./, "encoder.layers.encoder_layer_$1.self_attention.in_proj_"],
  [/^blocks\.(\d+)\.attn\.proj\./, "encoder.layers.encoder_layer_$1.self_attention.out_proj."],
  [/^blocks\.(\d+)\.mlp\.fc1\./, "encoder.layers.encoder_layer_$1.mlp.0."],
  [/^blocks\.(\d+)\.mlp\.fc2\./, "encoder.layers.encoder_layer_$1.mlp.3."],
  [/^norm\./, "encoder.ln."],
  [/^head\./, "heads.head."],
]);

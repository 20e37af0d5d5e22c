/**
 * The module that a node belongs to, from the names that exporters keep: PyTorch's modules in the names of nodes
 * (`/layer1/layer1.0/conv1/Conv`) or of parameters (`layer1.0.conv1.weight`), TensorFlow's scopes
 * (`Model/Mixed_7c/Branch_2/Conv2D`), Keras' layers (`block5_conv2`, `res5a_branch2a`).
 */
import type { Node } from "../graph/model.ts";

/** The last part of a parameter's name, its role; the module's name is before it. */
const parameterRoles =
  /[./](?:\w*(?:weights?|bias|kernel|gamma|beta|scale|(?:running|moving)_(?:mean|var|variance))(?:_\w+)?|BiasAdd|Conv2D\w*|MatMul)(?:[./:].*)?$/i;
/** Names that an exporter generated; they carry no meaning. */
const madeUp = /^(?:onnx::|node_|val_|Constant_|[A-Z]\w*_\d+$|t?\d+\b|n\d+$)/;

/** The path of a module: `["layer1", "0", "conv1"]`. `scopes` are TensorFlow's; their first parts are names of the whole network. */
export interface ModulePath {
  readonly parts: readonly string[];
  readonly kind: "modules" | "scopes";
}

const path = (text: string, kind: ModulePath["kind"]): ModulePath | undefined => {
  const parts = text.split(kind === "scopes" ? "/" : /[./]/).filter((part) => part !== "");
  return parts.length > 0 ? { parts, kind } : undefined;
};

/** The module that a parameter belongs to: `layer1.0.conv1.weight` → `layer1.0.conv1`. */
export function moduleOfParameter(name: string): ModulePath | undefined {
  if (madeUp.test(name) || !parameterRoles.test(name)) return undefined;
  return path(name.replace(parameterRoles, ""), name.includes("/") && !name.startsWith("/") ? "scopes" : "modules");
}

/** The module that a node belongs to; undefined if its name is not a path. */
export function moduleOfNode({ name, op }: Node): ModulePath | undefined {
  if (madeUp.test(name)) return undefined;
  const given = name.split("/").filter((part) => part !== "");
  // A path ends with the operator (`/conv1/Conv`) or with the layer itself (`block1_conv1`).
  if (given.length > 1 || given[0] === op) given.pop();
  if (!name.startsWith("/") && name.includes("/")) return path(given.join("/"), "scopes");
  // PyTorch repeats the parents of a module: `/layer1/layer1.0/conv1`.
  const parts: string[] = [];
  for (const part of given) {
    const last = parts.at(-1);
    if (last !== undefined && part.startsWith(`${last}.`)) parts[parts.length - 1] = part;
    else parts.push(part);
  }
  return path(parts.join("."), "modules");
}

/** A path as its framework writes it. */
export const pathName = ({ parts, kind }: ModulePath): string => parts.join(kind === "scopes" ? "/" : ".");

/** The name of a layer for display: its module, otherwise its own name, otherwise its operator. */
export function layerName(node: Node, weight: string | undefined): string {
  const module = (weight === undefined ? undefined : moduleOfParameter(weight)) ?? moduleOfNode(node);
  return module ? pathName(module) : node.name || node.op;
}

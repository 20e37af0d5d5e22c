/**
 * Reads models that are packed into JavaScript files (as by Browserify): `model.min.js` exports the model's JSON as an object, and each
 * `….min.js` beside it a shard as base64. The exported constant is read from the syntax tree; the files are never run.
 */
import {
  type AnyNode,
  type AssignmentExpression,
  type ObjectExpression,
  type Program,
  type Property,
  parse,
  type UnaryExpression,
} from "acorn";
import { dataError } from "../../base/errors.ts";
import type { Json } from "./tfjs-weights.ts";

/** The name of a bundled file, from the path in the manifest. */
export const bundledName = (path: string): string => `${path}.min.js`;

/**
 * The JSON text of the model that a JavaScript file exports.
 *
 * @throws GraftError (`data`) if the file is not JavaScript or does not export exactly one constant object
 */
export function bundledModelJson(javascript: string, source: string): string {
  const value = exportedConstant(javascript, source);
  if (typeof value === "object" && value !== null) return JSON.stringify(value);
  throw dataError(`${source} exports no object, so it is not a bundled model: download it again.`);
}

/**
 * The bytes that a JavaScript file exports as base64.
 *
 * @throws GraftError (`data`) if the file is not JavaScript, or does not export exactly one constant text in base64
 */
export function bundledShard(javascript: string, source: string): Uint8Array {
  const value = exportedConstant(javascript, source);
  if (typeof value !== "string")
    throw dataError(`${source} exports no text, so it is not a bundled shard: download it again.`);
  // Buffer ignores what is not base64.
  if (value.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value))
    throw dataError(`${source} exports a text that is not base64: download it again.`);
  return Buffer.from(value, "base64");
}

/** The only constant in the file that is assigned to `….exports`. Other assignments to it belong to the bundler. */
function exportedConstant(javascript: string, source: string): Json {
  const found = exportsOf(parsed(javascript, source)).filter(({ right }) => isConstant(right));
  if (found.length === 1) return constantOf(found[0]!.right);
  throw dataError(
    `${source} exports ${found.length === 0 ? "no constant" : "several constants"}, but a bundled model exports one: download it again.`,
  );
}

function parsed(javascript: string, source: string): Program {
  try {
    return parse(javascript, { ecmaVersion: "latest" });
  } catch (error) {
    // A SyntaxError, or the RangeError of brackets that are nested too deeply for the stack.
    throw dataError(`${source} is not JavaScript that Graft can parse: download it again.`, error);
  }
}

/** All assignments to a property `exports`. Not recursive, because the file determines the depth. */
function exportsOf(program: Program): AssignmentExpression[] {
  const found: AssignmentExpression[] = [];
  const pending: AnyNode[] = [program];
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (node.type === "AssignmentExpression" && isExports(node)) {
      found.push(node);
      if (isConstant(node.right)) continue;
    }
    // Not spread: a list may have more elements than a call accepts arguments.
    for (const child of childrenOf(node)) pending.push(child);
  }
  return found;
}

const isExports = ({ operator, left }: AssignmentExpression): boolean =>
  operator === "=" &&
  left.type === "MemberExpression" &&
  !left.computed &&
  left.property.type === "Identifier" &&
  left.property.name === "exports";

const isNode = (value: unknown): value is AnyNode =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";

const childrenOf = (node: AnyNode): AnyNode[] => Object.values(node).flat().filter(isNode);

// Evaluates constant expressions in JavaScript's syntax tree to JSON: literals, signs, lists, objects. Calls are not constants.

/** The deepest nesting of a constant; a model's JSON has about ten levels. */
const MAX_DEPTH = 100;

/** Minifiers write `false` as `!1` and `undefined` as `void 0`. */
const unary: Readonly<Record<string, (value: Json) => Json>> = {
  "-": (value) => -(value as number),
  "+": (value) => value,
  "!": (value) => !value,
  void: () => undefined,
};

/** Whether {@link constantOf} can evaluate the expression. */
export function isConstant(node: AnyNode | null, depth = 0): boolean {
  if (depth > MAX_DEPTH || !node) return false;
  switch (node.type) {
    case "Literal":
      return node.value === null || ["string", "number", "boolean"].includes(typeof node.value);
    case "TemplateLiteral":
      return node.expressions.length === 0 && typeof node.quasis[0]?.value.cooked === "string";
    case "UnaryExpression":
      return isConstantUnary(node);
    case "ArrayExpression":
      return node.elements.every((element) => isConstant(element, depth + 1));
    case "ObjectExpression":
      return node.properties.every(
        (property) => isPlain(property) && keyOf(property) !== undefined && isConstant(property.value, depth + 1),
      );
    default:
      return false;
  }
}

/** The value of a constant expression; {@link isConstant} must hold. */
export function constantOf(node: AnyNode): Json {
  switch (node.type) {
    case "Literal":
      return node.value;
    case "TemplateLiteral":
      return node.quasis[0]!.value.cooked;
    case "UnaryExpression":
      return unary[node.operator]!(constantOf(node.argument));
    case "ArrayExpression":
      return node.elements.map((element) => constantOf(element!));
    case "ObjectExpression":
      return Object.fromEntries(entriesOf(node));
    default:
      throw new TypeError(`A ${node.type} is not a constant.`);
  }
}

/** Whether it is a sign, `!` or `void` before a number. */
const isConstantUnary = ({ operator, argument }: UnaryExpression): boolean =>
  Object.hasOwn(unary, operator) && argument.type === "Literal" && typeof argument.value === "number";

const isPlain = (property: ObjectExpression["properties"][number]): property is Property =>
  property.type === "Property" && property.kind === "init" && !property.method;

/** The name of a property; undefined if it is computed, or is `__proto__`, which has a special meaning in JavaScript. */
function keyOf({ key, computed }: Property): string | undefined {
  if (computed) return undefined;
  const name =
    key.type === "Identifier" ? key.name : key.type === "Literal" && key.value !== null ? String(key.value) : undefined;
  return name === "__proto__" ? undefined : name;
}

const entriesOf = ({ properties }: ObjectExpression): [string, Json][] =>
  properties.filter(isPlain).map((property) => [keyOf(property)!, constantOf(property.value)]);

/**
 * Reads models that are packed into JavaScript files (as by Browserify): `model.min.js` exports the model's JSON as an object, and each
 * `….min.js` beside it a shard as base64. The exported constant is read from the syntax tree; the files are never run.
 */
import type { AnyNode, AssignmentExpression, Program } from "acorn";
import { parse } from "acorn";
import { dataError } from "../../base/errors.ts";
import { constantOf, isConstant } from "./bundled-constant.ts";
import type { Json } from "./json.ts";

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

/**
 * Models that are packed into JavaScript files (as by Browserify): `model.min.js` exports the model's JSON as an object,
 * each `….min.js` beside it exports a shard as base64. The files are parsed, and the exported constant is read out of the
 * syntax tree: nothing in them is ever run.
 */
import type { AnyNode, AssignmentExpression, Program } from "acorn";
import { parse } from "acorn";
import { dataError } from "../../base/errors.ts";
import { constantOf, isConstant } from "./bundled-constant.ts";
import type { Json } from "./json.ts";

/** What a bundled file is called, given the path that a manifest has. */
export const bundledName = (path: string): string => `${path}.min.js`;

/**
 * The JSON text of the model that a JavaScript file exports.
 *
 * @throws GraftError (`data`) where the file is not JavaScript or exports no one constant object
 */
export function bundledModelJson(javascript: string, source: string): string {
  const value = exportedConstant(javascript, source);
  if (typeof value === "object" && value !== null) return JSON.stringify(value);
  throw dataError(`${source} exports no object, so it is not a bundled model: fetch it again.`);
}

/**
 * The bytes that a JavaScript file exports as base64.
 *
 * @throws GraftError (`data`) where the file is not JavaScript, exports no one constant text, or one that is not base64
 */
export function bundledShard(javascript: string, source: string): Uint8Array {
  const value = exportedConstant(javascript, source);
  if (typeof value !== "string")
    throw dataError(`${source} exports no text, so it is no bundled shard: fetch it again.`);
  // Buffer skips whatever is not base64.
  if (value.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value))
    throw dataError(`${source} exports a text that is not base64: fetch it again.`);
  return Buffer.from(value, "base64");
}

/** The constant that is assigned to `….exports`, the only one in the file. Other assignments to it are the bundler's. */
function exportedConstant(javascript: string, source: string): Json {
  const found = exportsOf(parsed(javascript, source)).filter(({ right }) => isConstant(right));
  if (found.length === 1) return constantOf(found[0]!.right);
  throw dataError(
    `${source} exports ${found.length === 0 ? "no constant" : "several constants"}, where a bundled model exports one: fetch it again.`,
  );
}

function parsed(javascript: string, source: string): Program {
  try {
    return parse(javascript, { ecmaVersion: "latest" });
  } catch (error) {
    // A SyntaxError, or the RangeError of brackets that are nested beyond the stack.
    throw dataError(`${source} is not JavaScript that Graft can parse: fetch it again.`, error);
  }
}

/** All assignments to a property `exports`, anywhere in the file. Without recursion: the depth is the file's to choose. */
function exportsOf(program: Program): AssignmentExpression[] {
  const found: AssignmentExpression[] = [];
  const pending: AnyNode[] = [program];
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (node.type === "AssignmentExpression" && isExports(node)) {
      found.push(node);
      if (isConstant(node.right)) continue;
    }
    // Not spread: a list may have more elements than a call takes arguments.
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

/** Evaluates constant expressions in JavaScript's syntax tree to JSON: literals, signs, lists, objects. Calls are not constants. */
import type { AnyNode, ObjectExpression, Property, UnaryExpression } from "acorn";
import type { Json } from "./json.ts";

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

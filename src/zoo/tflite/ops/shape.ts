/** The rules for concatenation, reshaping, padding and resizing. */
import { convertedAxis, convertedDims } from "../layout.ts";
import type { Operation } from "../read.ts";
import { CONCATENATION_OPTIONS, RESIZE_BILINEAR_OPTIONS } from "../schema.ts";
import { inputOf, inputOfRank, integerInput, type Rule } from "./rule.ts";

/** The axis in ONNX's layout. Throws a data error if a tensor of this rank has no such axis. */
export function axisOf(operation: Operation, axis: number, rank: number): number {
  const converted = convertedAxis(axis, rank);
  if (converted === undefined)
    throw operation.error(`uses axis ${axis} of ${rank}: download or export the model again`);
  return converted;
}

export const concatenation: Rule = {
  convert(operation, graph) {
    const { axis, activation } = operation.options(CONCATENATION_OPTIONS);
    const values = operation.inputs.map((_, position) => graph.read(inputOf(operation, position)));
    const converted = axisOf(operation, axis, operation.output.dims.length);
    return { value: graph.add("Concat", values, { axis: converted }), activation, range: "kept" };
  },
};

/**
 * Reshape, squeeze and expand: elements keep the file's order. The first dimension stays open for the batch; the others are those that the
 * file declares for the output, so that any operators may compute the shape.
 */
export const reshaping: Rule = {
  reads: 1,
  convert(operation, graph) {
    const source = inputOf(operation, 0);
    const value = graph.readInFileOrder(source);
    const { dims } = operation.output;
    const flat = dims.length === 2 && dims[0] === source.dims[0];
    return { value: flat ? graph.add("Flatten", [value], { axis: 1 }) : graph.shaped(value, dims), range: "kept" };
  },
};

/** Padding with zeros; the amounts are `[rank, 2]`, in the file's order of axes. */
export const padding: Rule = {
  convert(operation, graph) {
    const source = inputOf(operation, 0);
    const { length: rank } = source.dims;
    const amounts = integerInput(operation, 1);
    if (amounts.length !== 2 * rank || amounts.some((amount) => amount < 0)) {
      throw operation.error(
        `pads [${source.dims}] by ${amounts.length} amounts, or by a negative one: download or export the model again`,
      );
    }
    const side = (which: 0 | 1) => convertedDims(source.dims.map((_, axis) => amounts[2 * axis + which]!));
    const value = graph.add("Pad", [graph.read(source), graph.integers("pads", [...side(0), ...side(1)])]);
    return { value, range: "kept" };
  },
};

/** Bilinear resizing to a constant height and width. */
export const resizeBilinear: Rule = {
  convert(operation, graph) {
    const { alignCorners, halfPixelCenters } = operation.options(RESIZE_BILINEAR_OPTIONS);
    const image = inputOfRank(operation, 0, 4);
    const sizes = integerInput(operation, 1);
    if (sizes.length !== 2 || sizes.some((size) => size < 1)) {
      throw operation.error(
        `resizes to ${sizes.length} sizes, or to less than a pixel: download or export the model again`,
      );
    }
    const places = alignCorners ? "align_corners" : halfPixelCenters ? "half_pixel" : "asymmetric";
    const value = graph.add("Resize", [graph.read(image), "", "", graph.integers("sizes", sizes)], {
      mode: "linear",
      coordinate_transformation_mode: places,
      axes: [2, 3],
    });
    return { value, range: "kept" };
  },
};

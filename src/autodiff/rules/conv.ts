/** Gradients of Conv and ConvTranspose; the computation is in conv-input.ts and conv-weight.ts. */
import type { Ref } from "../build/builder.ts";
import { range } from "../build/shape.ts";
import { by, type Rule, type RuleTable, type Site } from "../rule.ts";
import { inputGradient } from "./conv-input.ts";
import { weightGradient } from "./conv-weight.ts";
import { padsOf, windowOf } from "./window.ts";

/** The gradient of a bias: the sum over all axes except channels. */
const biasGradient = (site: Site) => (): Ref => {
  const dy = site.gradient();
  return site.build.sum(dy, [0, ...range(dy.dims.length).slice(2)], false);
};

const spatial = (x: Ref): readonly number[] => x.dims.slice(2);

const conv: Rule = (site) => {
  const [x, w] = [site.input(0), site.input(1)];
  const group = site.int("group", 1);
  const window = windowOf(site, spatial(w), spatial(x), spatial(site.output()));
  return [
    () => inputGradient(site.build, site.gradient(), w, window, group, x.dims),
    () => weightGradient(site.build, x, site.gradient(), window, group),
    biasGradient(site),
  ];
};

/** A transposed convolution is the input gradient of a convolution, so its own input gradient is that convolution. */
const convTranspose: Rule = (site) => {
  const { build } = site;
  const [x, w] = [site.input(0), site.input(1)];
  const group = site.int("group", 1);
  if (site.ints("output_shape")) throw site.unsupported("output_shape");
  if (site.text("auto_pad", "NOTSET") !== "NOTSET") throw site.unsupported("auto_pad");
  const window = windowOf(site, spatial(w), spatial(site.output()), spatial(x));
  const { kernel, strides, dilations, before, after } = window;
  return [
    () => {
      // Remove the pixels of output_padding, which no window reaches.
      const dy = site.gradient();
      const cut = build.pad(dy, Array(dy.dims.length).fill(0), [0, 0, ...after.map((amount) => Math.min(amount, 0))]);
      const pads = padsOf({ before, after: after.map((amount) => Math.max(amount, 0)) });
      return build.emit("Conv", [cut, w], x.dims, { kernel_shape: kernel, strides, dilations, pads, group });
    },
    () => weightGradient(build, site.gradient(), x, window, group),
    biasGradient(site),
  ];
};

export const convolution: RuleTable = {
  Conv: by(conv),
  ConvTranspose: by(convTranspose, "explicit padding"),
};

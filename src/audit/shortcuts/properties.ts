/** Image properties unrelated to what is shown: a label that follows from one of them is a shortcut. */
import type { AuditedImage } from "../subject.ts";

/** A numeric or categorical property. */
export type Property =
  | { readonly kind: "numbers"; readonly name: string; readonly of: (image: AuditedImage) => readonly number[] }
  | { readonly kind: "category"; readonly name: string; readonly of: (image: AuditedImage) => string };

export const properties: readonly Property[] = [
  { kind: "numbers", name: "the brightness", of: ({ traits }) => [traits.brightness, traits.contrast] },
  { kind: "numbers", name: "the size in pixels", of: ({ traits }) => [traits.width, traits.height] },
  { kind: "numbers", name: "the aspect", of: ({ traits }) => [Math.log(traits.width / traits.height)] },
  {
    kind: "numbers",
    name: "the colour of the border",
    of: ({ traits: { border } }) => [border.red, border.green, border.blue, border.spread],
  },
  { kind: "numbers", name: "the sharpness", of: ({ traits }) => [traits.sharpness] },
  {
    kind: "numbers",
    name: "the compression",
    of: ({ traits }) => [Math.log(traits.bytes / (traits.width * traits.height))],
  },
  { kind: "category", name: "the file format", of: ({ traits }) => traits.format },
  { kind: "category", name: "the camera", of: ({ traits }) => traits.camera ?? "none" },
  { kind: "category", name: "the folder below the class's", of: ({ subfolder }) => subfolder ?? "" },
];

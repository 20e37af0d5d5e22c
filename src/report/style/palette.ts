/** The colours of the report, light and dark: greys and one accent, from which the heat map's steps are mixed. */
import { contrast, mix } from "./color.ts";

/** One theme. */
export interface Palette {
  readonly paper: string;
  /** Behind code and tables' heads. */
  readonly surface: string;
  readonly ink: string;
  readonly muted: string;
  readonly rule: string;
  readonly accent: string;
}

export const lightPalette: Palette = {
  paper: "#fdfdfb",
  surface: "#f4f4ef",
  ink: "#171b19",
  muted: "#5b645f",
  rule: "#dcded8",
  accent: "#17694a",
};

export const darkPalette: Palette = {
  paper: "#111412",
  surface: "#1a1e1c",
  ink: "#e6eae7",
  muted: "#9aa49e",
  rule: "#303633",
  accent: "#74d3a4",
};

/** The share of its row from which a cell of the heat map takes each step, the first for exactly none. */
export const heatThresholds: readonly number[] = [0, 0, 0.02, 0.05, 0.1, 0.25, 0.5, 0.8];
const heatMix: readonly number[] = [0, 0.1, 0.18, 0.27, 0.37, 0.47, 0.72, 1];

/** The step of the heat map (0 … 7) for a share in [0, 1]. */
export const heatLevel = (share: number): number =>
  share === 0 ? 0 : heatThresholds.findLastIndex((threshold) => share >= threshold);

/** The heat map's steps: background, and the more readable of the theme's two extremes upon it. */
export function heatSteps({ paper, surface, ink, accent }: Palette): { readonly fill: string; readonly ink: string }[] {
  return heatMix.map((share) => {
    const fill = mix(share === 0 ? surface : paper, accent, share);
    return { fill, ink: contrast(fill, ink) >= contrast(fill, paper) ? ink : paper };
  });
}

/** The palette as CSS custom properties. */
export function cssVariables(palette: Palette): string {
  const steps = heatSteps(palette).flatMap(({ fill, ink }, i) => [`--heat-${i}: ${fill};`, `--heat-ink-${i}: ${ink};`]);
  return [...Object.entries(palette).map(([name, color]) => `--${name}: ${color};`), ...steps].join(" ");
}

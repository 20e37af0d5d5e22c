/** One curve over the epochs, with a text alternative. */
import type { JSX } from "preact";

export interface CurveProps {
  readonly title: string;
  readonly about: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  readonly format: (value: number) => string;
  /** The top of the scale. Default: the largest value. */
  readonly most?: number;
}

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [320, 170, 40, 24, 10];

export function Curve({ title, about, points, format, most }: CurveProps): JSX.Element {
  const values = points.map(({ y }) => y);
  const [low, high] = [Math.min(...values), most ?? Math.max(...values)];
  const floor = most === undefined ? 0 : Math.max(0, Math.floor(low * 10) / 10 - 0.1);
  const span = Math.max(high - floor, 1e-6);
  const last = points.at(-1)!;
  const x = (epoch: number): number => LEFT + ((WIDTH - LEFT - 12) * (epoch - 1)) / Math.max(1, last.x - 1);
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - floor) / span);
  const path = points
    .map((point, i) => `${i === 0 ? "M" : "L"}${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`)
    .join("");
  return (
    <figure>
      <svg
        class="chart wide"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`${title} by epoch: from ${format(points[0]!.y)} to ${format(last.y)} after ${last.x} epochs`}
      >
        {[floor, floor + span / 2, floor + span].map((tick) => (
          <g key={tick}>
            <line x1={LEFT} x2={WIDTH - 8} y1={y(tick)} y2={y(tick)} class="grid-line" />
            <text x={LEFT - 8} y={y(tick) + 4} text-anchor="end">
              {format(tick)}
            </text>
          </g>
        ))}
        <path d={path} class="curve" />
        <circle cx={x(last.x)} cy={y(last.y)} r="4" class="point" />
        <text x={WIDTH - 12} y={HEIGHT - 4} text-anchor="end">
          epoch {last.x}
        </text>
      </svg>
      <figcaption>
        <strong>{title}</strong> {about}: now {format(last.y)}
      </figcaption>
    </figure>
  );
}

// Draws numbers over time as SVG: lines or stacked bars, with axes, gaps, and marks of deployments.

import { svg } from "./dom.js";
import * as words from "./words.js";

export const MARGIN = { left: 46, right: 10, top: 12, bottom: 18 };
export const MINUTE = 60_000;
/** The distances of ticks on the axis of time, in minutes. */
const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360];

const known = (value) => typeof value === "number" && Number.isFinite(value);
const px = (value) => Math.round(value * 10) / 10;

/** Where lines of an axis lie: at most four of them, at round numbers. */
function levels(most) {
  const rough = most / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const all = [];
  for (let level = 0; level < most + step * 0.999; level += step) all.push(level);
  return all;
}

/** The picture of one chart. `width` and `height` are its size in pixels. */
export class Plot {
  constructor({ format, series, stacked, least }) {
    Object.assign(this, { format, series, stacked, least });
    this.width = 0;
    this.height = 0;
    this.data = { begin: 0, step: MINUTE, values: {}, marks: [] };
  }

  get length() {
    return Math.max(0, ...this.series.map(({ key }) => this.data.values[key]?.length ?? 0));
  }

  when(index) {
    return this.data.begin + index * this.data.step;
  }

  value(key, index) {
    const value = this.data.values[key]?.[index];
    return known(value) ? value : null;
  }

  x(index) {
    return px(MARGIN.left + ((this.width - MARGIN.left - MARGIN.right) * index) / Math.max(1, this.length));
  }

  /** All elements of the picture, those behind first. */
  parts() {
    const bottom = this.height - MARGIN.bottom;
    const all = this.series.flatMap(({ key }) => (this.data.values[key] || []).filter(known));
    const sums = Array.from({ length: this.length }, (_, index) =>
      this.series.reduce((sum, { key }) => sum + (this.value(key, index) ?? 0), 0),
    );
    const most = Math.max(this.least, ...(this.stacked ? sums : all)) || 1;
    const lines = levels(most);
    const top = lines.at(-1);
    const y = (value) => px(bottom - ((bottom - MARGIN.top) * value) / top);
    const parts = [...this.gaps(bottom), ...this.axes(lines, y, bottom), ...this.marks(bottom)];
    parts.push(...(this.stacked ? this.bars(y) : this.lines(y, bottom)));
    if (all.length === 0)
      parts.push(
        svg("text", { class: "empty", x: this.width / 2, y: (bottom + MARGIN.top) / 2, "text-anchor": "middle" }, "no data"),
      );
    return parts;
  }

  axes(lines, y, bottom) {
    const right = this.width - MARGIN.right;
    const parts = lines.flatMap((level) => [
      svg("path", { class: level === 0 ? "axis" : "grid", d: `M${MARGIN.left} ${y(level)}H${right}` }),
      svg("text", { class: "tick", x: MARGIN.left - 6, y: y(level) + 3.5, "text-anchor": "end" }, this.format(level)),
    ]);
    if (this.length === 0) return parts;
    const span = (this.length * this.data.step) / MINUTE;
    const apart = TICKS.find((one) => (span / one) * 52 <= right - MARGIN.left) ?? 720;
    const zone = words.isUtc() ? 0 : new Date(this.data.begin).getTimezoneOffset() * MINUTE;
    const step = apart * MINUTE;
    for (let at = Math.ceil((this.data.begin - zone) / step) * step + zone; at <= this.when(this.length); at += step) {
      const x = this.x((at - this.data.begin) / this.data.step);
      if (x > right - 14 || x < MARGIN.left + 10) continue;
      parts.push(svg("path", { class: "axis", d: `M${x} ${bottom}v3` }));
      parts.push(svg("text", { class: "tick", x, y: bottom + 14, "text-anchor": "middle" }, words.clock(at)));
    }
    return parts;
  }

  /** Where nothing was observed. */
  gaps(bottom) {
    const parts = [];
    const isGap = (index) => this.series.every(({ key }) => this.value(key, index) === null);
    for (let index = 0; index < this.length; index += 1) {
      if (!isGap(index)) continue;
      const from = index;
      while (index + 1 < this.length && isGap(index + 1)) index += 1;
      parts.push(
        svg("rect", {
          class: "gap",
          x: this.x(from),
          y: MARGIN.top,
          width: px(this.x(index + 1) - this.x(from)),
          height: bottom - MARGIN.top,
        }),
      );
    }
    return parts;
  }

  marks(bottom) {
    const end = this.when(this.length);
    return this.data.marks
      .filter(({ at }) => at >= this.data.begin && at < end)
      .map(({ at, label }) => {
        const x = this.x((at - this.data.begin) / this.data.step);
        return svg(
          "g",
          { class: "deployed" },
          svg("title", {}, `deployed ${words.short(label, 40)} at ${words.clock(at)}`),
          svg("path", { class: "mark-line", d: `M${x} ${MARGIN.top}V${bottom}` }),
          svg("path", { class: "mark-head", d: `M${px(x - 4.5)} 2h9L${x} ${MARGIN.top - 1}z` }),
        );
      });
  }

  lines(y, bottom) {
    return this.series.flatMap(({ key, look }) => {
      let line = "";
      let area = "";
      let begun = null;
      const dots = [];
      const middle = (index) => px((this.x(index) + this.x(index + 1)) / 2);
      for (let index = 0; index <= this.length; index += 1) {
        const value = index < this.length ? this.value(key, index) : null;
        if (value === null) {
          if (begun !== null) {
            // A moment alone between two gaps is no line.
            if (begun === index - 1)
              dots.push(svg("circle", { class: `dot ${look}`, cx: middle(begun), cy: y(this.value(key, begun)), r: 2 }));
            area += `L${middle(index - 1)} ${bottom}L${middle(begun)} ${bottom}z`;
            begun = null;
          }
          continue;
        }
        const point = `${middle(index)} ${y(value)}`;
        line += `${begun === null ? "M" : "L"}${point}`;
        area += begun === null ? `M${point}` : `L${point}`;
        begun ??= index;
      }
      const shade = this.series.length === 1 ? [svg("path", { class: `area ${look}`, d: area })] : [];
      return [...shade, svg("path", { class: `line ${look}`, d: line }), ...dots];
    });
  }

  bars(y) {
    const parts = [];
    const gap = this.width / Math.max(1, this.length) > 6 ? 1 : 0.4;
    const paths = new Map(this.series.map(({ look }) => [look, ""]));
    for (let index = 0; index < this.length; index += 1) {
      let sum = 0;
      for (const { key, look } of this.series) {
        const value = this.value(key, index) ?? 0;
        if (value <= 0) continue;
        const [low, high] = [y(sum), y(sum + value)];
        sum += value;
        paths.set(
          look,
          `${paths.get(look)}M${px(this.x(index) + gap / 2)} ${low}V${high}H${px(this.x(index + 1) - gap / 2)}V${low}z`,
        );
      }
    }
    for (const [look, d] of paths) if (d) parts.push(svg("path", { class: `bar ${look}`, d }));
    return parts;
  }
}

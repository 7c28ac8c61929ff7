// Draws numbers over time as SVG: lines or stacked bars with axes, gaps, marks of deployments, and a table of the same numbers.

import { el, say, svg } from "./dom.js";
import * as words from "./words.js";

const MARGIN = { left: 46, right: 10, top: 12, bottom: 18 };
const MINUTE = 60_000;
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

let waiting = null;

/** Draws in the next frame, and each chart once. */
function later(chart) {
  if (!waiting) {
    waiting = new Set();
    requestAnimationFrame(() => {
      const charts = waiting;
      waiting = null;
      charts.forEach((one) => one.draw());
    });
  }
  waiting.add(chart);
}

const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const chart = target.chart;
    const [width, height] = [Math.round(contentRect.width), Math.round(contentRect.height)];
    if (!chart || (width === chart.width && height === chart.height)) continue;
    Object.assign(chart, { width, height });
    later(chart);
  }
});

/**
 * One chart. `series` are `{key, label, look}`, where the style sheet knows each `look` by its colour and by its dashes or its
 * pattern. `format` puts a value into words, `least` is the smallest top of the axis.
 */
export class Chart {
  constructor({ title, unit, format, series, stacked = false, least = 0, heading = "h3", figure = null }) {
    Object.assign(this, { title, unit, format, series, stacked, least });
    this.width = 0;
    this.height = 0;
    this.at = null;
    this.data = { begin: 0, step: MINUTE, values: {}, marks: [] };
    this.readout = el("span", { class: "readout" });
    this.surface = svg("svg", { class: "surface", "aria-hidden": "true", focusable: "false" });
    this.plot = el(
      "div",
      {
        class: "plot",
        tabindex: "0",
        role: "slider",
        "aria-label": `${title}, ${unit}. Arrow keys read the values`,
        "aria-valuemin": "0",
        "aria-valuemax": "0",
        "aria-valuenow": "0",
        on: {
          pointermove: (event) => this.point(event),
          pointerdown: (event) => this.point(event),
          pointerleave: () => this.read(null),
          focus: () => this.read(this.at ?? this.length - 1),
          blur: () => this.read(null),
          keydown: (event) => this.key(event),
        },
      },
      this.surface,
    );
    this.plot.chart = this;
    this.table = el("details", { class: "numbers-table", on: { toggle: () => this.fillTable() } }, el("summary", {}, "Table"));
    const head = el("div", { class: "chart-head" }, el(heading, { class: "chart-title" }, title, el("span", { class: "unit" }, unit)), this.readout);
    this.root = el("figure", { class: "chart" }, head, figure, this.plot);
    this.names = this.legend();
    this.root.append(this.names, this.table);
    sizes.observe(this.plot);
  }

  get length() {
    return Math.max(0, ...this.series.map(({ key }) => this.data.values[key]?.length ?? 0));
  }

  /** Takes other series, if they are others. */
  setSeries(series) {
    if (series.map(({ key }) => key).join() === this.series.map(({ key }) => key).join()) return;
    this.series = series;
    const next = this.legend();
    this.names.replaceWith(next);
    this.names = next;
  }

  legend() {
    const swatch = ({ look }) =>
      svg(
        "svg",
        { class: "swatch", viewBox: "0 0 16 10", "aria-hidden": "true" },
        this.stacked
          ? svg("rect", { x: 2, y: 0, width: 12, height: 10, class: `bar ${look}` })
          : svg("path", { d: "M0 5H16", class: `line ${look}` }),
      );
    const alone = this.series.length === 1 && !this.stacked;
    return el("ul", { class: "legend", hidden: alone || this.series.length === 0 }, ...this.series.map((one) => el("li", {}, swatch(one), one.label)));
  }

  /** Takes new numbers. `begin` is the time of the first one, `step` its length; both in milliseconds. */
  show(data) {
    this.data = { marks: [], ...data, values: data.values || {} };
    this.plot.setAttribute("aria-valuemax", Math.max(0, this.length - 1));
    if (this.at !== null && this.at >= this.length) this.at = null;
    later(this);
    this.read(this.at);
    if (this.table.open) this.fillTable();
  }

  when(index) {
    return this.data.begin + index * this.data.step;
  }

  value(key, index) {
    const value = this.data.values[key]?.[index];
    return known(value) ? value : null;
  }

  /** What one moment has, in words. */
  told(index) {
    const values = this.series.map(({ key, label }) => {
      const value = this.value(key, index);
      const text = value === null ? "no data" : this.format(value);
      return this.series.length > 1 ? `${label} ${text}` : text;
    });
    const all = this.series.every(({ key }) => this.value(key, index) === null) ? ["no data"] : values;
    const marks = this.data.marks
      .filter(({ at }) => at >= this.when(index) && at < this.when(index + 1))
      .map(({ label }) => `deployed ${words.short(label, 40)}`);
    return [...all, ...marks].join(" · ");
  }

  read(index) {
    this.at = index;
    const last = this.length - 1;
    if (last < 0) {
      say(this.readout, "");
      this.plot.setAttribute("aria-valuetext", "no data yet");
      return;
    }
    const shown = index ?? last;
    const text = `${words.clock(this.when(shown))} · ${this.told(shown)}`;
    say(this.readout, index === null ? "" : text);
    this.plot.setAttribute("aria-valuenow", shown);
    this.plot.setAttribute("aria-valuetext", text);
    this.cursor();
  }

  point(event) {
    const box = this.plot.getBoundingClientRect();
    const inside = (event.clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - MARGIN.right);
    if (this.length > 0) this.read(Math.max(0, Math.min(this.length - 1, Math.floor(inside * this.length))));
  }

  key(event) {
    const last = this.length - 1;
    const from = this.at ?? last;
    const to = { ArrowLeft: from - 1, ArrowDown: from - 1, ArrowRight: from + 1, ArrowUp: from + 1, Home: 0, End: last, PageUp: from - 10, PageDown: from + 10 }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.read(Math.max(0, Math.min(last, to)));
  }

  x(index) {
    return px(MARGIN.left + ((this.width - MARGIN.left - MARGIN.right) * index) / Math.max(1, this.length));
  }

  cursor() {
    this.surface.querySelector(".cursor")?.remove();
    if (this.at === null || this.width === 0) return;
    const x = (this.x(this.at) + this.x(this.at + 1)) / 2;
    this.surface.append(svg("path", { class: "cursor", d: `M${px(x)} ${MARGIN.top}V${this.height - MARGIN.bottom}` }));
  }

  draw() {
    if (this.width === 0 || this.height === 0) return;
    const bottom = this.height - MARGIN.bottom;
    const all = this.series.flatMap(({ key }) => (this.data.values[key] || []).filter(known));
    const sums = Array.from({ length: this.length }, (_, index) => this.series.reduce((sum, { key }) => sum + (this.value(key, index) ?? 0), 0));
    const most = Math.max(this.least, ...(this.stacked ? sums : all)) || 1;
    const lines = levels(most);
    const top = lines.at(-1);
    const y = (value) => px(bottom - ((bottom - MARGIN.top) * value) / top);
    const parts = [...this.gaps(bottom), ...this.axes(lines, y, bottom), ...this.marks(bottom)];
    parts.push(...(this.stacked ? this.bars(y) : this.lines(y, bottom)));
    if (all.length === 0) parts.push(svg("text", { class: "empty", x: this.width / 2, y: (bottom + MARGIN.top) / 2, "text-anchor": "middle" }, "no data"));
    this.surface.replaceChildren(...parts);
    this.cursor();
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
      parts.push(svg("rect", { class: "gap", x: this.x(from), y: MARGIN.top, width: px(this.x(index + 1) - this.x(from)), height: bottom - MARGIN.top }));
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
            if (begun === index - 1) dots.push(svg("circle", { class: `dot ${look}`, cx: middle(begun), cy: y(this.value(key, begun)), r: 2 }));
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
        paths.set(look, `${paths.get(look)}M${px(this.x(index) + gap / 2)} ${low}V${high}H${px(this.x(index + 1) - gap / 2)}V${low}z`);
      }
    }
    for (const [look, d] of paths) if (d) parts.push(svg("path", { class: `bar ${look}`, d }));
    return parts;
  }

  /** The same numbers as a table, the newest first. It is made only while it is open. */
  fillTable() {
    this.table.querySelector("div")?.remove();
    if (!this.table.open) return;
    const head = el("tr", {}, el("th", { scope: "col" }, `Time (${words.zone()})`), ...this.series.map(({ label }) => el("th", { scope: "col" }, label)));
    const rows = [];
    for (let index = this.length - 1; index >= 0; index -= 1) {
      const cells = this.series.map(({ key }) => {
        const value = this.value(key, index);
        return el("td", {}, value === null ? "no data" : this.format(value));
      });
      rows.push(el("tr", {}, el("th", { scope: "row" }, words.clock(this.when(index))), ...cells));
    }
    const caption = el("caption", { class: "only-read" }, `${this.title}, ${this.unit}`);
    const scroll = { class: "scroll", tabindex: "0", role: "region", "aria-label": `Table: ${this.title}` };
    this.table.append(el("div", scroll, el("table", {}, caption, el("thead", {}, head), el("tbody", {}, ...rows))));
  }
}

/** A line without axes for a cell of a table. What it shows stands in the other cells. */
export function spark(values, width = 90, height = 18) {
  const most = Math.max(...values.filter(known), 0) || 1;
  const root = svg("svg", { class: "spark", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": sparkWords(values) });
  const step = width / Math.max(1, values.length);
  let d = "";
  values.forEach((value, index) => {
    if (!known(value)) return;
    const tall = Math.max(value > 0 ? 1.5 : 0.5, (value / most) * (height - 2));
    d += `M${px(index * step + 0.5)} ${height - 1}v${px(-tall)}h${px(step - 1)}v${px(tall)}z`;
  });
  root.append(svg("path", { d, class: "spark-bars" }));
  return root;
}

function sparkWords(values) {
  const there = values.filter(known);
  if (there.length === 0) return "no data";
  return `from ${words.decimal(there[0])} to ${words.decimal(there.at(-1))}, at most ${words.decimal(Math.max(...there))}`;
}

/** Parts of a whole as one bar. `parts` are `{label, value, look}`; widths follow the values. */
export function share(parts, width = 96, height = 10) {
  const whole = parts.reduce((sum, { value }) => sum + (value || 0), 0);
  const told = parts.filter(({ value }) => value).map(({ label, value }) => `${label} ${words.count(value)}`).join(", ") || "none";
  const root = svg("svg", { class: "share", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": told }, svg("title", {}, told));
  root.append(svg("rect", { class: "share-empty", width, height, rx: 1 }));
  let from = 0;
  for (const { value, look } of parts) {
    if (!value) continue;
    const wide = (value / whole) * width;
    root.append(svg("rect", { class: `bar ${look}`, x: px(from), y: 0, width: px(Math.max(1.5, wide)), height }));
    from += wide;
  }
  return root;
}

/** A value beside its threshold: the line is the threshold, and what lies beyond it is broken. */
export function against(value, threshold, comparison, told, width = 150, height = 12) {
  const root = svg("svg", { class: "against", width, height: height + 4, viewBox: `0 0 ${width} ${height + 4}`, role: "img", "aria-label": told }, svg("title", {}, told));
  const most = Math.max(threshold * 1.6, value ?? 0, threshold + 1);
  const x = (one) => px((Math.max(0, Math.min(most, one)) / most) * width);
  const broken = known(value) && (comparison === "below" ? value < threshold : value > threshold);
  root.append(svg("rect", { class: "share-empty", y: 2, width, height, rx: 1 }));
  if (known(value)) root.append(svg("rect", { class: `bar ${broken ? "crit" : "plain"}`, y: 2, width: Math.max(1, x(value)), height }));
  root.append(svg("path", { class: "limit", d: `M${x(threshold)} 0v${height + 4}` }));
  return root;
}

const TALL = { healthy: 0.45, degraded: 0.72, unhealthy: 1, unknown: 0.25 };
const LOOK = { healthy: "good", degraded: "warning", unhealthy: "crit", unknown: "unknown" };

/** What a check said over time: the worse, the taller. */
export function strip(statuses, told, height = 20) {
  const width = statuses.length * 4;
  const root = svg("svg", { class: "strip", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": told }, svg("title", {}, told));
  root.append(svg("path", { class: "axis", d: `M0 ${height - 0.5}H${width}` }));
  const paths = new Map();
  statuses.forEach((word, index) => {
    if (!(word in TALL)) return;
    const tall = px(TALL[word] * (height - 1));
    paths.set(word, `${paths.get(word) || ""}M${index * 4 + 0.4} ${height - 1}v${-tall}h3.2v${tall}z`);
  });
  for (const [word, d] of paths) root.append(svg("path", { class: `bar ${LOOK[word]}`, d }));
  return root;
}

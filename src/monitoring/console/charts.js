// Shows a chart: its values at a moment by pointer and keyboard, its legend, and a table of the same numbers.

import { el, say, svg } from "./dom.js";
import { MARGIN, Plot } from "./plot.js";
import * as words from "./words.js";

const px = (value) => Math.round(value * 10) / 10;

let waiting = null;

/** Draws in the next frame, and each chart once. */
function later(chart) {
  if (!waiting) {
    waiting = new Set();
    requestAnimationFrame(() => {
      const charts = waiting;
      waiting = null;
      for (const one of charts) one.draw();
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
export class Chart extends Plot {
  constructor({ title, unit, format, series, stacked = false, least = 0, heading = "h3", figure = null }) {
    super({ format, series, stacked, least });
    Object.assign(this, { title, unit });
    this.at = null;
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
    const head = el(
      "div",
      { class: "chart-head" },
      el(heading, { class: "chart-title" }, title, el("span", { class: "unit" }, unit)),
      this.readout,
    );
    this.root = el("figure", { class: "chart" }, head, figure, this.plot);
    this.names = this.legend();
    this.root.append(this.names, this.table);
    sizes.observe(this.plot);
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
    return el(
      "ul",
      { class: "legend", hidden: alone || this.series.length === 0 },
      ...this.series.map((one) => el("li", {}, swatch(one), one.label)),
    );
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
    const to = {
      ArrowLeft: from - 1,
      ArrowDown: from - 1,
      ArrowRight: from + 1,
      ArrowUp: from + 1,
      Home: 0,
      End: last,
      PageUp: from - 10,
      PageDown: from + 10,
    }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.read(Math.max(0, Math.min(last, to)));
  }

  draw() {
    if (this.width === 0 || this.height === 0) return;
    this.surface.replaceChildren(...this.parts());
    this.cursor();
  }

  cursor() {
    this.surface.querySelector(".cursor")?.remove();
    if (this.at === null || this.width === 0) return;
    const x = (this.x(this.at) + this.x(this.at + 1)) / 2;
    this.surface.append(svg("path", { class: "cursor", d: `M${px(x)} ${MARGIN.top}V${this.height - MARGIN.bottom}` }));
  }

  /** The same numbers as a table, the newest first. It is made only while it is open. */
  fillTable() {
    this.table.querySelector("div")?.remove();
    if (!this.table.open) return;
    const head = el(
      "tr",
      {},
      el("th", { scope: "col" }, `Time (${words.zone()})`),
      ...this.series.map(({ label }) => el("th", { scope: "col" }, label)),
    );
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

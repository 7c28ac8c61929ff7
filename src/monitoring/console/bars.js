// Draws small pictures for the cells of tables: a trend, parts of a whole, a value beside its threshold, a strip of health.

import { svg } from "./dom.js";
import * as words from "./words.js";

const known = (value) => typeof value === "number" && Number.isFinite(value);
const px = (value) => Math.round(value * 10) / 10;

/** Values over time as bars without axes. */
export function spark(values, width = 90, height = 18) {
  const most = Math.max(...values.filter(known), 0) || 1;
  const root = svg("svg", {
    class: "spark",
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": sparkWords(values),
  });
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
  const told =
    parts
      .filter(({ value }) => value)
      .map(({ label, value }) => `${label} ${words.count(value)}`)
      .join(", ") || "none";
  const root = svg(
    "svg",
    { class: "share", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": told },
    svg("title", {}, told),
  );
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
  const root = svg(
    "svg",
    { class: "against", width, height: height + 4, viewBox: `0 0 ${width} ${height + 4}`, role: "img", "aria-label": told },
    svg("title", {}, told),
  );
  const most = Math.max(threshold * 1.6, value ?? 0, threshold + 1);
  const x = (one) => px((Math.max(0, Math.min(most, one)) / most) * width);
  const broken = known(value) && (comparison === "below" ? value < threshold : value > threshold);
  root.append(svg("rect", { class: "share-empty", y: 2, width, height, rx: 1 }));
  if (known(value))
    root.append(svg("rect", { class: `bar ${broken ? "crit" : "plain"}`, y: 2, width: Math.max(1, x(value)), height }));
  root.append(svg("path", { class: "limit", d: `M${x(threshold)} 0v${height + 4}` }));
  return root;
}

const TALL = { healthy: 0.45, degraded: 0.72, unhealthy: 1, unknown: 0.86 };
const LOOK = { healthy: "good", degraded: "warning", unhealthy: "crit", unknown: "unknown" };

/** What a check said over time: the worse, the taller. */
export function strip(statuses, told, height = 20) {
  const width = statuses.length * 4;
  const root = svg(
    "svg",
    { class: "strip", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": told },
    svg("title", {}, told),
  );
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

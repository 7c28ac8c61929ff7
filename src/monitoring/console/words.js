// Puts numbers and times into words.

export const NONE = "–";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** The longest name that is shown whole, in characters. */
const LONGEST = 160;
const UNITS = {
  percent: " %",
  per_minute: " a minute",
  per_second: " a second",
  days: " d",
};

let utc = true;
/** The clock of the service: what it was, and when this page heard it. */
let heard = { at: Date.now(), when: performance.now() };

const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const three = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 3 });
const known = (value) => typeof value === "number" && Number.isFinite(value);

export function useUtc(yes) {
  utc = yes;
}

export const isUtc = () => utc;

/** The name of the zone in which times are shown. */
export const zone = () => (utc ? "UTC" : "local");

/** The clock of this browser may be wrong: ages are told by that of the service. */
export function hear(timestamp) {
  heard = { at: Date.parse(timestamp), when: performance.now() };
}

export const now = () => heard.at + performance.now() - heard.when;

/** A whole number. */
export const count = (value) => (known(value) ? grouped.format(value) : NONE);

/** Three digits that matter. */
export function decimal(value) {
  if (!known(value)) return NONE;
  return Math.abs(value) >= 1000 ? grouped.format(value) : three.format(value);
}

/** A share from 0 to 1 in per cent. A share that is not 0 never shows as 0. */
export function percent(share) {
  if (!known(share)) return NONE;
  const value = share * 100;
  if (value !== 0 && Math.abs(value) < 0.01) return "< 0.01 %";
  return `${value >= 99.95 && value < 100 ? "99.9" : three.format(value)} %`;
}

/** A time in milliseconds, as a length. */
export function ms(value) {
  if (!known(value)) return NONE;
  if (value !== 0 && value < 1) return `${three.format(value * 1000)} µs`;
  if (value < 1000) return `${three.format(value)} ms`;
  if (value < MINUTE) return `${three.format(value / 1000)} s`;
  return length(value);
}

/** A length of two units, in milliseconds. */
export function length(value) {
  if (!known(value)) return NONE;
  const whole = Math.max(0, Math.floor(value / 1000));
  const parts = (large, unit, small, smaller) => (small ? `${large} ${unit} ${small} ${smaller}` : `${large} ${unit}`);
  if (whole < 60) return `${whole} s`;
  if (value < HOUR) return parts(Math.floor(whole / 60), "min", value < 10 * MINUTE ? whole % 60 : 0, "s");
  if (value < DAY) return parts(Math.floor(value / HOUR), "h", Math.floor((value % HOUR) / MINUTE), "min");
  return parts(Math.floor(value / DAY), "d", Math.floor((value % DAY) / HOUR), "h");
}

export function bytes(value) {
  if (!known(value)) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = value >= 1 ? Math.min(units.length - 1, Math.floor(Math.log2(value) / 10)) : 0;
  return `${three.format(value / 1024 ** power)} ${units[power]}`;
}

/** A value in the unit of a signal. */
export function inUnit(value, unit) {
  if (!known(value)) return NONE;
  if (unit === "milliseconds") return ms(value);
  if (unit === "seconds") return ms(value * 1000);
  return `${decimal(value)}${UNITS[unit] || ""}`;
}

const two = (value) => String(value).padStart(2, "0");

function fields(at) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return null;
  return utc
    ? [
        date.getUTCFullYear(),
        date.getUTCMonth(),
        date.getUTCDate(),
        date.getUTCHours(),
        date.getUTCMinutes(),
        date.getUTCSeconds(),
      ]
    : [date.getFullYear(), date.getMonth(), date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()];
}

/** Hours and minutes. */
export function clock(at) {
  const all = fields(at);
  return all ? `${two(all[3])}:${two(all[4])}` : NONE;
}

/** A moment: the time of a moment of today, else the day as well. */
export function moment(at) {
  const all = fields(at);
  const today = fields(now());
  if (!all) return NONE;
  const time = `${two(all[3])}:${two(all[4])}:${two(all[5])}`;
  if (all[0] === today[0] && all[1] === today[1] && all[2] === today[2]) return time;
  const year = all[0] === today[0] ? "" : ` ${all[0]}`;
  return `${all[2]} ${MONTHS[all[1]]}${year} ${time}`;
}

/** How long ago, or `in` how long. */
export function ago(at) {
  const passed = now() - Date.parse(at);
  if (Number.isNaN(passed)) return NONE;
  return passed < -1000 ? `in ${length(-passed)}` : `${length(passed)} ago`;
}

/** How long it has lasted. */
export const lasted = (at) => length(now() - Date.parse(at));

// What turns or hides the text around it, and what ends a line: a name could look like another one.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A text of others in one line, where everything in it can be seen. */
export function plain(text) {
  return String(text ?? "").replace(UNSEEN, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);
}

/** The same, cut if it is long: then it says how long it is. */
export function short(text, longest = LONGEST) {
  const all = String(text ?? "");
  if (all.length <= longest) return plain(all);
  return `${plain(all.slice(0, longest).replace(/[\ud800-\udbff]$/, ""))}… (${count(all.length)} characters)`;
}

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** Labels in one line. */
export const labels = (all) =>
  Object.entries(all || {})
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");

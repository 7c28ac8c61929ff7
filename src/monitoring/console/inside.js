// Shows what the service does beside answering requests: calls, functions, queries, jobs, pools, the process, its own metrics.

import { share } from "./bars.js";
import { byId, el, part, say, since, status } from "./dom.js";
import { Table } from "./tables.js";
import * as words from "./words.js";

const CIRCUITS = { closed: "good", half_open: "warn", open: "bad" };
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** A key such as `family{label="value"}` as its family and its labels. */
function parsed(key) {
  const brace = key.indexOf("{");
  if (brace < 0) return { family: key, labels: {} };
  const labels = {};
  const unescape = (text) => text.replace(/\\(.)/g, (_, one) => (one === "n" ? "\n" : one));
  for (const [, name, value] of key.slice(brace).matchAll(LABEL)) labels[name] = unescape(value);
  return { family: key.slice(0, brace), labels };
}

/** A number in the unit that the name of its metric ends with. */
export function valueOf(family, value) {
  if (!Number.isFinite(value)) return words.NONE;
  // What no calendar has is shown as it is.
  const at = new Date(value * 1000);
  const isTime = family.endsWith("_timestamp_seconds") && !Number.isNaN(at.getTime());
  if (isTime) return words.ago(at.toISOString());
  if (family.endsWith("_timestamp_seconds")) return words.decimal(value);
  if (/_bytes(_total)?$/.test(family)) return words.bytes(value);
  if (/_seconds(_total)?$/.test(family)) return words.ms(value * 1000);
  if (family.endsWith("_ms")) return words.ms(value);
  if (family.endsWith("_ratio")) return words.percent(value);
  if (family.endsWith("_percent")) return `${words.decimal(value)} %`;
  return words.decimal(value);
}

const number = (head, key, text, look = "num") => ({
  head,
  text: (row) => text(row[key]),
  sort: (row) => row[key],
  value: (row) => row[key],
  look,
});

function workTable(label, nameOf, empty) {
  return new Table({
    label,
    id: nameOf,
    sort: "Total",
    empty,
    columns: [
      { head: "Name", text: (row) => words.short(nameOf(row)), sort: nameOf, look: "name" },
      number("Calls", "calls", words.count),
      number("Errors", "error_rate", words.percent),
      number("p50", "p50_ms", words.ms, "num wide"),
      number("p95", "p95_ms", words.ms),
      number("Max", "max_ms", words.ms, "num wide"),
      number("Total", "total_ms", words.ms, "num wide"),
    ],
  });
}

function poolsTable() {
  const used = (row) => [
    { label: "in use", value: row.in_use, look: "plain" },
    { label: "idle", value: row.idle, look: "idle" },
    { label: "free", value: Math.max(0, (row.max ?? row.size ?? 0) - (row.size ?? 0)), look: "none" },
  ];
  return new Table({
    label: "Pools",
    id: (row) => row.name,
    columns: [
      { head: "Pool", text: (row) => words.short(row.name), look: "name" },
      { head: "In use", text: (row) => `${words.count(row.in_use)} of ${words.count(row.max)}`, look: "num" },
      { head: "Idle", text: (row) => words.count(row.idle), look: "num" },
      { head: "Use", sig: (row) => `${row.in_use} ${row.idle} ${row.size} ${row.max}`, node: (row) => share(used(row), 120) },
    ],
  });
}

function circuitsTable() {
  return new Table({
    label: "Circuits",
    id: (row) => row.name,
    columns: [
      { head: "Circuit", text: (row) => words.short(row.name), look: "name" },
      {
        head: "State",
        sig: (row) => row.state,
        node: (row) => status(CIRCUITS[row.state] || "none", words.short(String(row.state).replaceAll("_", " "), 40)),
      },
    ],
  });
}

function notifiersTable() {
  const moment = (at) => (at ? since(at, words) : words.NONE);
  const broken = (row) => row.last_failure_at && (!row.last_sent_at || row.last_failure_at > row.last_sent_at);
  const word = (row) =>
    broken(row)
      ? status("bad", "does not deliver")
      : row.last_sent_at
        ? status("good", "delivers")
        : status("none", "nothing sent yet");
  return new Table({
    label: "Notifiers",
    id: (row) => row.name,
    columns: [
      { head: "Notifier", text: (row) => words.short(row.name, 60), look: "name" },
      { head: "Delivery", sig: (row) => `${row.last_failure_at} ${row.last_sent_at}`, node: word },
      number("Sent", "sent", words.count),
      {
        head: "Failed, refused, dropped",
        text: (row) => [row.failed, row.refused, row.dropped].map(words.count).join(", "),
        look: "num wide",
      },
      number("Waiting", "waiting", words.count),
      { head: "Last sent", sig: (row) => row.last_sent_at, node: (row) => moment(row.last_sent_at) },
      {
        head: "Last failure",
        sig: (row) => row.last_failure_at,
        node: (row) => [moment(row.last_failure_at), row.last_failure ? ` (${words.short(row.last_failure, 40)})` : null],
      },
    ],
  });
}

function valuesTable(label, own) {
  return new Table({
    label,
    id: (row) => `${row.kind} ${row.key}`,
    filter: own ? (row) => row.lower : null,
    columns: [
      { head: "Name", text: (row) => words.short(row.key, 200), sort: (row) => row.key, look: "name" },
      ...(own ? [{ head: "Kind", text: (row) => row.kind, sort: (row) => row.kind, look: "wide" }] : []),
      { head: "Value", text: (row) => row.text, sort: (row) => row.value, value: (row) => row.value, look: "num" },
    ],
    sort: "Name",
    down: false,
  });
}

function application({ columns, rows }) {
  return rows.map((cells) => {
    const row = Object.fromEntries(columns.map((name, index) => [name, cells[index]]));
    const key = row.name.endsWith("{}") ? row.name.slice(0, -2) : row.name;
    const family = parsed(key).family;
    const isSum = row.kind === "histogram";
    const mean = row.count ? row.sum / row.count : null;
    const text = isSum
      ? `${words.count(row.count)}, mean ${mean === null ? words.NONE : valueOf(family, mean)}`
      : valueOf(family, row.value);
    return { kind: row.kind, key, value: isSum ? row.count : row.value, text, lower: key.toLowerCase() };
  });
}

function pools(samples) {
  const all = new Map();
  const rest = [];
  for (const [key, value] of Object.entries(samples || {})) {
    const { family, labels } = parsed(key);
    const field = /^(?:.*_)?db_connection_pool_(size|idle|in_use|max)$/.exec(family)?.[1];
    if (field && labels.pool !== undefined) all.set(labels.pool, { ...all.get(labels.pool), name: labels.pool, [field]: value });
    else rest.push({ key, value, kind: "gauge", text: valueOf(family, value) });
  }
  return [[...all.values()], rest];
}

export function insideView() {
  const groups = [
    ["Outbound services", workTable("Outbound services", (row) => row.service), (inside) => inside.outbound, "outbound"],
    ["Circuits", circuitsTable(), (inside) => Object.entries(inside.circuits || {}).map(([name, state]) => ({ name, state }))],
    ["Queries", workTable("Queries", (row) => `${row.operation} ${row.table}`), (inside) => inside.queries, "queries"],
    ["Pools", poolsTable(), (inside) => pools(inside.samples)[0]],
    ["Monitored functions", workTable("Monitored functions", (row) => row.name), (inside) => inside.operations, "operations"],
    ["Jobs", workTable("Jobs", (row) => row.job), (inside) => inside.jobs, "jobs"],
    ["Notifiers", notifiersTable(), (_, state) => state.notifiers?.notifiers || []],
    [
      "Process, runtime and databases",
      valuesTable("Process and runtime", false),
      (inside) => pools(inside.samples)[1],
      "samples",
    ],
    [
      "The application's own metrics",
      valuesTable("Metrics of the application", true),
      (inside) => application(inside.application || { columns: [], rows: [] }),
      "application",
    ],
  ].map(([title, table, rows, key]) => {
    const note = el("p", { class: "note", hidden: true });
    return {
      title,
      table,
      rows,
      key,
      note,
      box: el(
        "div",
        { class: title === "Notifiers" ? "group full" : "group", hidden: true },
        part(title, null, note),
        table.root,
      ),
    };
  });
  const window = el("p", { class: "note" });
  const missing = el("p", { class: "note" });
  byId("inside").append(window, el("div", { class: "groups" }, ...groups.map(({ box }) => box)), missing);
  return {
    sections: ["inside", "notifiers"],
    update(state) {
      const { inside } = state;
      if (!inside) return;
      const none = [];
      for (const { title, table, rows, key, note, box } of groups) {
        const all = rows(inside, state) || [];
        box.hidden = all.length === 0;
        if (all.length === 0) none.push(title.toLowerCase());
        const left = inside.left_out?.[key] ?? 0;
        note.hidden = left === 0;
        say(note, left ? `${words.count(left)} more have no room here` : "");
        table.update(all);
      }
      say(window, `In the last ${words.length(inside.window_seconds * 1000)}.`);
      say(missing, none.length ? `Nothing is known of: ${none.join(", ")}.` : "");
    },
  };
}

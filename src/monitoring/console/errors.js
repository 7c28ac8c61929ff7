// Shows what fails: categories over time, where they happen, and the last failures one by one.

import { Chart } from "./charts.js";
import { button, byId, copy, el, part, say, status } from "./dom.js";
import { lived, series } from "./now.js";
import { Table } from "./tables.js";
import * as words from "./words.js";

/** Each category has its own colour and pattern, whichever others there are. */
const LOOKS = [
  "server_error",
  "timeout",
  "external_service",
  "database",
  "validation",
  "not_found",
  "authentication",
  "conflict",
  "rate_limit",
];
const named = (category) => words.short(String(category ?? "").replaceAll("_", " "), 60);

function looks(categories) {
  return Object.keys(categories || {})
    .sort((one, other) => LOOKS.indexOf(one) - LOOKS.indexOf(other))
    .map((key) => ({ key, label: named(key), look: `cat-${Math.max(0, LOOKS.indexOf(key))}` }));
}

function change({ change: by, previous }) {
  if (by === null || by === undefined) return status("none", "unknown");
  if (by === 0) return el("span", { class: "aside" }, "as before");
  if (previous === 0 && by > 0) return status("bad", `new, +${words.count(by)}`);
  return by > 0 ? status("warn", `+${words.count(by)}`) : status("good", `−${words.count(-by)}`);
}

function statusText(row) {
  if (row.grpc_status !== null && row.grpc_status !== undefined) return `gRPC ${row.grpc_status}`;
  return row.status === null || row.status === undefined ? named(row.outcome) : String(row.status);
}

function requestId(id, tools) {
  if (!id) return words.NONE;
  const take = async () =>
    tools.say((await copy(id)) ? `Copied ${words.short(id, 60)}` : "The browser did not allow to copy it.");
  return [
    el("code", {}, words.short(id, 48)),
    button("Copy", take, { class: "small", "aria-label": `Copy the request id ${words.short(id, 48)}` }),
  ];
}

function pairsTable() {
  return new Table({
    label: "Errors by endpoint and category",
    id: (row) => `${row.category} ${row.endpoint}`,
    sort: "Count",
    empty: "No errors in this window, and none in the one before.",
    columns: [
      { head: "Category", text: (row) => named(row.category), sort: (row) => row.category, look: "strong" },
      { head: "Endpoint", text: (row) => words.short(row.endpoint), sort: (row) => row.endpoint, look: "name" },
      { head: "Count", text: (row) => words.count(row.count), sort: (row) => row.count, value: (row) => row.count, look: "num" },
      {
        head: "Share",
        text: (row) => words.percent(row.share),
        sort: (row) => row.share,
        value: (row) => row.share,
        look: "num wide",
      },
      {
        head: "Before",
        text: (row) => words.count(row.previous),
        sort: (row) => row.previous,
        value: (row) => row.previous,
        look: "num wide",
        hint: "In the window before, which is as long",
      },
      { head: "Change", sig: (row) => `${row.change} ${row.previous}`, node: change, sort: (row) => row.change, down: true },
    ],
  });
}

function failuresTable(tools) {
  return new Table({
    label: "Last failures",
    id: (row) => row.key,
    empty: "No request failed since the start.",
    columns: [
      { head: "Time", text: (row) => words.moment(row.at), look: "when" },
      { head: "Endpoint", text: (row) => words.short(`${row.method} ${row.endpoint}`), look: "name" },
      { head: "Status", text: statusText, look: "num" },
      { head: "Category", text: (row) => (row.category ? named(row.category) : words.NONE), look: "word" },
      { head: "Cause", text: (row) => (row.cause ? words.short(row.cause, 400) : words.NONE), look: "cause" },
      { head: "Took", text: (row) => words.ms(row.duration_ms), look: "num wide" },
      { head: "Request id", sig: (row) => row.request_id, node: (row) => requestId(row.request_id, tools), look: "id" },
    ],
  });
}

export function errorsView(tools) {
  const chart = new Chart({
    title: "Errors by category",
    unit: "a minute",
    format: words.decimal,
    stacked: true,
    least: 3,
    series: looks({ server_error: [] }),
  });
  const pairs = pairsTable();
  const failures = failuresTable(tools);
  const pairsNote = el("p", { class: "note" });
  const failuresNote = el("p", { class: "note" });
  byId("errors").append(
    el("div", { class: "two" }, chart.root, el("div", {}, part("Where", null, pairsNote), pairs.root)),
    part("Last failures of the server", null, failuresNote),
    failures.root,
  );
  return {
    sections: ["errors", "failures", "deployments"],
    update(state, { marks, changed }) {
      const { errors, failures: last } = state;
      if (errors) {
        chart.setSeries(looks(errors.hour?.categories));
        const source = { begin: errors.hour?.begin, step_seconds: errors.hour?.step_seconds, ...errors.hour?.categories };
        chart.show(lived(series(source, Object.keys(errors.hour?.categories || {}), marks)));
        const all = errors.errors.reduce((sum, { count }) => sum + count, 0);
        say(
          pairsNote,
          `${words.count(all)} in the last ${words.length(errors.window_seconds * 1000)}, beside the ${words.length(errors.window_seconds * 1000)} before`,
        );
        pairs.update(errors.errors);
      }
      if (last && this.seen !== `${changed.failures} ${words.zone()}`) {
        this.seen = `${changed.failures} ${words.zone()}`;
        // Two failures can be alike. Counted from the oldest one on, each keeps its number.
        failures.update(last.failures.map((row, index) => ({ ...row, key: `${last.total - index}` })));
        say(
          failuresNote,
          `${words.count(last.failures.length)} of ${words.count(last.total)} since the start, the newest first. No bodies, no headers.`,
        );
      }
    },
  };
}

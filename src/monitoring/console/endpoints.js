// Shows the endpoints, and for one that is opened its own charts, statuses and categories.

import { share, spark } from "./bars.js";
import { Chart } from "./charts.js";
import { byId, el, say } from "./dom.js";
import { BANDS, LATENCY, series } from "./now.js";
import { refusal } from "./poll.js";
import { Table } from "./tables.js";
import * as words from "./words.js";

const WINDOWS = [
  ["15m", "15 min"],
  ["1h", "1 h"],
  ["24h", "24 h"],
];
/** How often the charts of an opened endpoint are asked for. */
const EVERY = 10_000;
/** The longest address that is asked for: the API takes a query of some 4,000 bytes. */
const LONGEST = 4_000;

const number = (head, key, text, more) => ({
  head,
  text: (row) => text(row[key]),
  sort: (row) => row[key],
  value: (row) => row[key],
  look: "num",
  ...more,
});

function rowsOf({ columns, rows }) {
  return rows.map((row) => {
    const one = Object.fromEntries(columns.map((name, index) => [name, row[index]]));
    one.name = `${one.method} ${one.endpoint}`;
    one.lower = one.name.toLowerCase();
    return one;
  });
}

function pairs(title, entries, none) {
  const list = entries.map(([name, value]) =>
    el("div", {}, el("dt", { class: "name" }, words.short(name, 60)), el("dd", {}, words.count(value))),
  );
  return el(
    "div",
    { class: "small-list" },
    el("h4", {}, title),
    list.length ? el("dl", { class: "pairs" }, ...list) : el("p", { class: "nothing" }, none),
  );
}

/** What an opened row shows. It asks for its own numbers, again and again while it is open. */
class Details {
  constructor(row, tools) {
    this.tools = tools;
    this.row = row;
    this.window = "1h";
    this.closed = false;
    this.note = el("p", { class: "note", role: "status" }, "Asking for its numbers");
    this.lists = el("div", { class: "lists" });
    const one = (key, label, look) => [{ key, label, look }];
    const common = { heading: "h4" };
    this.charts = [
      [
        new Chart({
          ...common,
          title: "Requests",
          unit: "a second",
          format: words.decimal,
          series: one("requests_per_second", "requests a second", "plain"),
        }),
        ["requests_per_second"],
      ],
      [
        new Chart({
          ...common,
          title: "Error rate",
          unit: "share of 5xx",
          format: words.percent,
          least: 0.01,
          series: one("error_rate", "error rate", "failed"),
        }),
        ["error_rate"],
      ],
      [
        new Chart({ ...common, title: "Latency", unit: "to the head of the response", format: words.ms, series: LATENCY }),
        LATENCY.map(({ key }) => key),
      ],
      [
        new Chart({ ...common, title: "Severity", unit: "requests", format: words.decimal, stacked: true, series: BANDS }),
        BANDS.map(({ key }) => key),
      ],
    ];
    const choose = ([value, label]) =>
      el(
        "button",
        {
          type: "button",
          "aria-pressed": String(value === this.window),
          "data-window": value,
          on: { click: () => this.choose(value) },
        },
        label,
      );
    this.choices = el("div", { class: "choices", role: "group", "aria-label": "How far back" }, ...WINDOWS.map(choose));
    this.root = el(
      "div",
      { class: "details-box" },
      el("div", { class: "details-head" }, el("h3", { class: "name" }, words.short(row.name)), this.choices, this.note),
      el("div", { class: "details-charts" }, ...this.charts.map(([chart]) => chart.root)),
      this.lists,
    );
    this.ask();
  }

  choose(window) {
    this.window = window;
    for (const choice of this.choices.children) choice.setAttribute("aria-pressed", String(choice.dataset.window === window));
    this.ask();
  }

  update() {
    if (performance.now() - (this.asked ?? 0) > EVERY) this.ask();
    else if (this.answer) this.draw();
  }

  close() {
    this.closed = true;
  }

  async ask() {
    this.asked = performance.now();
    const { window } = this;
    const address = `console/endpoint.json?method=${encodeURIComponent(this.row.method)}&endpoint=${encodeURIComponent(this.row.endpoint)}&window=${window}`;
    if (address.length > LONGEST) return say(this.note, "Its name is too long to be asked for.");
    try {
      const response = await fetch(address, {
        headers: this.tools.token.headers(),
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
      });
      if (!response.ok) return say(this.note, await refusal(response));
      const answer = await response.json();
      if (this.closed || window !== this.window) return undefined;
      this.answer = answer;
      return this.draw();
    } catch {
      return say(this.note, "The service cannot be reached.");
    }
  }

  draw() {
    const { answer } = this;
    const total = answer.total || {};
    for (const [chart, keys] of this.charts) chart.show(series(answer, keys, this.tools.marks()));
    const [slow, warning, critical] = answer.bands_ms || [];
    say(
      this.note,
      `${words.count(total.requests ?? 0)} requests, ${words.percent(total.error_rate)} errors, mean ${words.ms(total.mean_ms)}, p95 ${words.ms(total.p95_ms)}, longest ${words.ms(total.max_ms)}`,
    );
    const limits = [
      ["slow from", slow],
      ["warning from", warning],
      ["critical from", critical],
    ].map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, words.ms(value))));
    this.lists.replaceChildren(
      pairs("Statuses", Object.entries(total.statuses || {}), "No response."),
      pairs("Categories of errors, of all its methods", Object.entries(answer.categories || {}), "No error."),
      el("div", { class: "small-list" }, el("h4", {}, "Limits"), el("dl", { class: "pairs" }, ...limits)),
    );
  }
}

export function endpointsView(tools) {
  const root = byId("endpoints");
  const note = el("p", { class: "note" });
  const bands = (row) => BANDS.map((band) => ({ ...band, value: row[band.key] }));
  const table = new Table({
    label: "Endpoints",
    id: (row) => row.name,
    filter: (row) => row.lower,
    sort: "Requests",
    empty: "No endpoint had a request lately.",
    opens: "Show its charts",
    open: (row) => {
      const details = new Details(row, tools);
      return { root: details.root, update: () => details.update(), close: () => details.close() };
    },
    rowClass: (row) => (row.error_rate >= 0.05 ? "hot" : ""),
    columns: [
      { head: "Endpoint", text: (row) => words.short(row.name), sort: (row) => row.name, look: "name" },
      number("Requests", "requests", words.count),
      number("Errors", "error_rate", words.percent, { look: "num rate", hint: "Share of 5xx" }),
      number("p50", "p50_ms", words.ms, { look: "num wide" }),
      number("p95", "p95_ms", words.ms),
      number("p99", "p99_ms", words.ms, { look: "num wide" }),
      number("Max", "max_ms", words.ms, { look: "num wide" }),
      {
        head: "Severity",
        sig: (row) => BANDS.map(({ key }) => row[key]).join(),
        node: (row) => share(bands(row)),
        sort: (row) => (row.critical + row.warning) / (row.requests || 1),
        down: true,
        look: "wide",
      },
      {
        head: "Last hour",
        sig: (row) => (row.trend || []).join(),
        node: (row) => spark(row.trend || []),
        look: "wide",
        hint: "Requests in each five minutes",
      },
    ],
  });
  root.append(note, table.root);
  return {
    sections: ["endpoints", "deployments"],
    update(state, { changed }) {
      const data = state.endpoints;
      if (!data) return;
      if (this.seen !== changed.endpoints) {
        this.seen = changed.endpoints;
        this.rows = rowsOf(data);
      }
      const left =
        data.endpoints_count > data.rows.length ? ` The ${words.count(data.rows.length)} with the most requests are here.` : "";
      say(
        note,
        `${words.plural(data.endpoints_count, "endpoint")} in the last ${words.length(data.window_seconds * 1000)}.${left} A row opens its charts.`,
      );
      table.update(this.rows);
    },
  };
}

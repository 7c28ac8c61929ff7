// Shows what is now: the situation in words, and the numbers of the whole service over the last hour.

import { share } from "./bars.js";
import { Chart } from "./charts.js";
import { byId, el, say, since, status } from "./dom.js";
import { countOf, firing, KINDS, silent, verdict, worstCheck } from "./verdict.js";
import * as words from "./words.js";

const LISTED = 4;
/** The fewest steps of a chart. */
const SHORTEST = 15;
export const BANDS = [
  { key: "normal", label: "normal", look: "normal" },
  { key: "slow", label: "slow", look: "slow" },
  { key: "warning", label: "warning", look: "warning" },
  { key: "critical", label: "critical", look: "critical" },
];
export const LATENCY = [
  { key: "p50_ms", label: "p50", look: "p50" },
  { key: "p95_ms", label: "p95", look: "p95" },
  { key: "p99_ms", label: "p99", look: "p99" },
];

/** The time axis and the values of charts. */
export function series(source, keys, marks) {
  const values = Object.fromEntries(keys.map((key) => [key, source?.[key] || []]));
  return { begin: Date.parse(source?.begin) || 0, step: (source?.step_seconds || 60) * 1000, values, marks };
}

/** The same without what was before a young process, but for the last quarter of an hour: that is no gap. */
export function lived(all) {
  const columns = Object.values(all.values);
  const length = Math.max(0, ...columns.map((one) => one.length));
  let first = 0;
  while (first < length - SHORTEST && columns.every((one) => one[first] === null)) first += 1;
  const values = Object.fromEntries(Object.entries(all.values).map(([key, one]) => [key, one.slice(first)]));
  return { ...all, begin: all.begin + first * all.step, values };
}

function figure(key, label) {
  const number = el("span", { class: "figure", "data-key": key }, words.NONE);
  return {
    number,
    root: el("span", { class: "figure-box" }, label ? el("span", { class: "figure-label" }, label) : null, number),
  };
}

function set({ number }, value, text) {
  say(number, text);
  number.setAttribute("data-value", value ?? "");
}

/** The five charts with their numbers. */
class Numbers {
  constructor(root) {
    this.rate = figure("requests_per_second");
    this.errors = figure("error_rate");
    this.flight = figure("in_flight");
    this.latency = LATENCY.map(({ key, label }) => figure(key, label));
    this.rateNote = el("span", { class: "aside" });
    this.errorNote = el("span", { class: "aside" });
    this.flightNote = el("span", { class: "aside" });
    this.bandBox = el("span", { class: "aside" });
    const box = (...children) => el("p", { class: "figures" }, ...children);
    const one = (key, label, look) => [{ key, label, look }];
    this.charts = [
      [
        new Chart({
          title: "Requests",
          unit: "a second",
          format: words.decimal,
          series: one("requests_per_second", "requests a second", "plain"),
          figure: box(this.rate.root, this.rateNote),
        }),
        ["requests_per_second"],
      ],
      [
        new Chart({
          title: "Error rate",
          unit: "share of 5xx",
          format: words.percent,
          least: 0.01,
          series: one("error_rate", "error rate", "failed"),
          figure: box(this.errors.root, this.errorNote),
        }),
        ["error_rate"],
      ],
      [
        new Chart({
          title: "In flight",
          unit: "requests",
          format: words.decimal,
          least: 3,
          series: one("in_flight", "in flight", "plain"),
          figure: box(this.flight.root, this.flightNote),
        }),
        ["in_flight"],
      ],
      [
        new Chart({
          title: "Latency",
          unit: "to the head of the response",
          format: words.ms,
          series: LATENCY,
          figure: box(...this.latency.map(({ root: inner }) => inner)),
        }),
        LATENCY.map(({ key }) => key),
      ],
      [
        new Chart({
          title: "Severity",
          unit: "requests a minute",
          format: words.decimal,
          stacked: true,
          series: BANDS,
          figure: box(this.bandBox),
        }),
        BANDS.map(({ key }) => key),
      ],
    ];
    this.charts[3][0].root.classList.add("wide-chart");
    root.append(...this.charts.map(([chart]) => chart.root));
  }

  update(state, marks) {
    const now = state.now || {};
    set(this.rate, now.requests_per_second, words.decimal(now.requests_per_second));
    set(this.errors, now.error_rate, words.percent(now.error_rate));
    set(this.flight, now.in_flight, words.count(now.in_flight));
    this.latency.forEach((one, index) => set(one, now[LATENCY[index].key], words.ms(now[LATENCY[index].key])));
    say(this.rateNote, `${words.count(now.requests)} in the last ${words.length((now.covered_seconds ?? 0) * 1000)}`);
    say(this.errorNote, `${words.count(now.errors)} of ${words.count(now.requests)}`);
    this.errors.number.classList.toggle("hot", (now.error_rate ?? 0) >= 0.05);
    const stuck = state.stuck?.count ?? 0;
    say(this.flightNote, !state.stuck?.watched ? "" : stuck ? `${words.count(stuck)} stuck` : "none stuck");
    const bands = BANDS.map((band) => ({ ...band, value: now.severities?.[band.key] ?? 0 }));
    const told = bands
      .filter(({ value }) => value)
      .map(({ label, value }) => `${words.count(value)} ${label}`)
      .join(", ");
    if (this.told !== told) {
      this.told = told;
      this.bandBox.replaceChildren(share(bands, 120, 12), el("span", { class: "aside-text" }, told || "no requests"));
    }
    const limits = now.bands_ms || [];
    const edges =
      limits.length === 3
        ? `slow from ${words.ms(limits[0])}, warning from ${words.ms(limits[1])}, critical from ${words.ms(limits[2])} or a 5xx`
        : "";
    this.charts[4][0].root.setAttribute("title", edges);
    for (const [chart, keys] of this.charts) chart.show(lived(series(state.hour, keys, marks)));
  }
}

function alertLine(alert) {
  const kind = alert.severity === "critical" ? "bad" : "warn";
  const by = alert.acknowledged_by
    ? `acknowledged by ${words.short(alert.acknowledged_by, 40)}`
    : alert.muted
      ? "muted"
      : "not acknowledged";
  return el(
    "li",
    {},
    status(kind, alert.severity),
    el("a", { class: "name", href: `#alert=${alert.fingerprint}` }, words.short(alert.name, 60)),
    el("span", { class: "aside" }, since(alert.timestamp, words), `, ${by}`),
  );
}

function row(title, ...content) {
  return el("div", { class: "fact" }, el("dt", {}, title), el("dd", {}, ...content));
}

function alertsFact(state) {
  const [fire, pending] = ["firing", "pending"].map((word) => countOf(state, word));
  const list = firing(state).slice(0, LISTED).map(alertLine);
  if (fire > list.length)
    list.push(el("li", {}, el("a", { href: "#alerts" }, `and ${words.count(fire - list.length)} more`)));
  const waiting = pending ? status("wait", `${words.count(pending)} pending`) : null;
  if (state.alerts?.rules.length === 0) return row("Alerts", status("none", "no rules"));
  if (fire === 0 && !waiting) return row("Alerts", status("good", "none fires, none is pending"));
  return row(
    "Alerts",
    el(
      "span",
      { class: "pair" },
      fire ? status("bad", `${words.count(fire)} firing`) : status("good", "none fires"),
      waiting,
    ),
    list.length ? el("ul", { class: "lines" }, ...list) : null,
  );
}

function healthFact(state) {
  const word = state.health?.status;
  if (!word) return row("Health", status("none", "no checks"));
  const worst = worstCheck(state);
  const draining = state.health.draining ? el("span", { class: "aside" }, "draining: it takes no new traffic") : null;
  const detail =
    worst && worst.status !== "healthy"
      ? `worst: ${words.short(worst.name, 60)}, ${worst.role}, ${worst.status}`
      : `${words.plural(state.health.checks.length, "check")}, all healthy`;
  return row("Health", status(KINDS[word] || "none", word), el("span", { class: "aside" }, detail), draining);
}

function releaseFact(state) {
  const [last] = state.deployments?.deployments || [];
  const named = state.service?.version || last?.version;
  const version = named ? words.short(named, 40) : "no version";
  if (!last) return row("Release", el("b", {}, version), el("span", { class: "aside" }, "no deployment is known"));
  const judged =
    last.more_errors === true
      ? status("bad", "more errors since")
      : last.more_errors === false
        ? status("good", "no more errors than before")
        : status("none", "too early to judge");
  const which = last.version === named ? "deployed " : `${words.short(last.version, 40)} was deployed `;
  return row(
    "Release",
    el("span", { class: "pair" }, el("b", {}, version), judged),
    el("span", { class: "aside" }, which, since(last.at, words)),
  );
}

function stuckFact(state) {
  const { watched, count, requests } = state.stuck || {};
  if (!watched) return row("Stuck requests", status("none", "not watched"));
  if (!count) return row("Stuck requests", status("good", "none"));
  const lines = requests.slice(0, 2).map((one) => {
    const name = el("span", { class: "name" }, words.short(`${one.method} ${one.endpoint}`, 48));
    const lasts = el("time", { "data-lasted": one.since, datetime: one.since }, words.lasted(one.since));
    return el(
      "li",
      {},
      name,
      " ",
      lasts,
      el("code", { class: "cut", title: words.short(one.request_id) }, words.short(one.request_id, 60)),
    );
  });
  if (count > lines.length)
    lines.push(el("li", { class: "aside" }, `and ${words.count(count - lines.length)} more, all younger`));
  return row("Stuck requests", status("warn", words.count(count)), el("ul", { class: "lines" }, ...lines));
}

function notifiersFact(state) {
  const all = state.notifiers?.notifiers || [];
  if (all.length === 0) return row("Notifiers", status("none", "nobody is told of alerts"));
  const broken = silent(state);
  if (broken.length)
    return row(
      "Notifiers",
      status(
        "bad",
        `${broken.map(({ name }) => words.short(name, 24)).join(", ")} ${broken.length === 1 ? "does" : "do"} not deliver`,
      ),
      el("span", { class: "aside" }, "last failure ", since(broken[0].last_failure_at, words)),
    );
  const told = all.some(({ last_sent_at: at }) => at);
  return row(
    "Notifiers",
    status(told ? "good" : "none", told ? `${words.count(all.length)} deliver` : `${words.count(all.length)}, nothing sent yet`),
  );
}

/** What the sections are that this view shows. */
export const SECTIONS = ["service", "now", "stuck", "hour", "alerts", "health", "deployments", "notifiers"];

export function nowView() {
  const situation = byId("situation");
  const headline = el("p", { class: "verdict", role: "status" });
  const facts = el("dl", { class: "facts" });
  situation.append(headline, facts);
  const numbers = new Numbers(byId("numbers"));
  let last = "";
  let sig = "";
  let judged = null;
  let isStale = false;
  const judge = () => {
    const old = {
      kind: "none",
      word: "Unknown",
      why: judged ? `the service does not answer; before that: ${judged.word}, ${judged.why}` : "no numbers yet",
    };
    const { kind, word, why } = judged && !isStale ? judged : old;
    if (last === `${kind} ${why}`) return;
    last = `${kind} ${why}`;
    headline.replaceChildren(status(kind, word), el("span", { class: "why" }, why));
    situation.dataset.kind = kind;
  };
  judge();
  return {
    sections: SECTIONS,
    /** Whether what is shown is old: nobody shall read of a service that has stopped that it is quiet. */
    stale(yes) {
      isStale = yes;
      judge();
    },
    update(state, { marks, changed }) {
      judged = verdict(state);
      judge();
      const next = `${["service", "alerts", "health", "deployments", "stuck", "notifiers"].map((name) => changed[name]).join()} ${words.zone()}`;
      if (sig !== next) {
        sig = next;
        facts.replaceChildren(alertsFact(state), healthFact(state), stuckFact(state), releaseFact(state), notifiersFact(state));
      }
      numbers.update(state, marks);
    },
  };
}

// Shows alerts, rules, silences and what fired lately, and takes what a person does with them.

import { Actions } from "./actions.js";
import { against } from "./bars.js";
import { byId, el, link, part, say, since, status } from "./dom.js";
import { Table } from "./tables.js";
import { byUrgency, countOf, SEVERITIES as ORDER, STATES as RANK } from "./verdict.js";
import * as words from "./words.js";

const STATES = { firing: "bad", pending: "wait", resolved: "good", inactive: "good", no_data: "none", error: "warn" };
const SEVERITIES = { critical: "bad", warning: "warn", info: "wait" };
const urgency = ({ severity }) => ORDER.indexOf(severity);
const named = (word) => words.short(String(word ?? "").replaceAll("_", " "), 60);

/** Ids of elements come from here and not from the fingerprint alone: nothing else can have them. */
const anchor = (fingerprint) => `alert-${fingerprint}`;

function compare(value, rule, threshold) {
  const unit = rule?.unit;
  const side = rule?.comparison === "below" ? "below" : "above";
  const now = value === null || value === undefined ? "no value" : words.inUnit(value, unit);
  const limit = words.inUnit(threshold, unit);
  return [
    against(value, threshold, side, `${now}, breaks ${side} ${limit}`),
    el("span", { class: "against-text" }, el("b", {}, now), `, limit ${side === "below" ? "<" : ">"} ${limit}`),
  ];
}

function mutedText(muted) {
  if (!muted) return "";
  if (typeof muted === "string") return named(muted);
  const [[why, number]] = Object.entries(muted);
  return `${named(why)} by ${named(number)}`;
}

function acknowledged(alert) {
  if (alert.acknowledged_by)
    return [el("span", { class: "name" }, words.short(alert.acknowledged_by, 60)), " ", since(alert.acknowledged_at, words)];
  return alert.state === "firing" ? status("warn", "nobody") : words.NONE;
}

function alertName(alert) {
  const labels = words.labels(alert.labels);
  return [
    el(
      "a",
      { class: "name strong", href: `#alert=${alert.fingerprint}`, title: "Link to this alert" },
      words.short(alert.name, 100),
    ),
    labels ? el("span", { class: "name aside" }, words.short(labels, 200)) : null,
    el("span", { class: "name aside" }, words.short(alert.message || alert.summary, 240)),
    alert.error ? el("span", { class: "name aside" }, `not judged: ${words.short(alert.error, 200)}`) : null,
    alert.runbook
      ? el(
          "span",
          { class: "name aside" },
          link(alert.runbook, "Runbook", (text) => `Runbook: ${words.short(text, 100)}`),
        )
      : null,
  ];
}

function alertsTable(actions, rules) {
  return new Table({
    label: "Alerts",
    // Its rows are tall.
    many: 50,
    filter: (row) => `${row.name} ${words.labels(row.labels)} ${row.message}`.toLowerCase(),
    id: (row) => row.fingerprint,
    anchor: (row) => anchor(row.fingerprint),
    empty: "No alert fires, and none is pending.",
    rowClass: (row) => `alert ${row.state === "firing" ? row.severity : row.state}`,
    columns: [
      {
        head: "Alert",
        sig: (row) => JSON.stringify([row.name, row.labels, row.message, row.error, row.runbook]),
        node: alertName,
        look: "alert-name",
      },
      {
        head: "State",
        sig: (row) => `${row.state} ${JSON.stringify(row.muted)}`,
        node: (row) => [
          status(STATES[row.state] || "none", named(row.state)),
          row.muted ? el("span", { class: "aside" }, mutedText(row.muted)) : null,
        ],
      },
      {
        head: "Severity",
        sig: (row) => row.severity,
        node: (row) => status(SEVERITIES[row.severity], row.severity),
        look: "wide",
      },
      {
        head: "Value and threshold",
        sig: (row) => `${row.metric_value} ${row.threshold}`,
        node: (row) => compare(row.metric_value, rules.get(row.name), row.threshold),
        look: "against-cell",
      },
      { head: "Since", sig: (row) => row.timestamp, node: (row) => since(row.timestamp, words) },
      { head: "Acknowledged", sig: (row) => `${row.acknowledged_by} ${row.state}`, node: acknowledged },
      {
        head: "Actions",
        sig: (row) => `${row.state} ${Boolean(row.acknowledged_by)}`,
        node: (row) => [
          row.state === "firing" && !row.acknowledged_by
            ? actions.button("Acknowledge", `Acknowledge ${words.short(row.name, 60)}`, () => actions.acknowledge(row))
            : null,
          actions.button("Silence", `Silence ${words.short(row.name, 60)}`, () => actions.silence(row)),
        ],
        look: "actions",
      },
    ],
  });
}

function rulesTable() {
  return new Table({
    label: "Rules",
    id: (row) => row.name,
    filter: (row) => `${row.name} ${row.signal} ${row.state}`.toLowerCase(),
    empty: "There are no rules.",
    columns: [
      {
        head: "Rule",
        look: "alert-name",
        sig: (row) => row.name + row.summary,
        node: (row) => [
          el("span", { class: "name strong" }, words.short(row.name, 100)),
          el(
            "span",
            { class: "name aside" },
            words.short([row.summary, row.method, row.endpoint].filter(Boolean).join(" · "), 200),
          ),
        ],
        sort: (row) => row.name,
      },
      {
        head: "State",
        sig: (row) => `${row.state} ${row.firing} ${row.pending}`,
        node: (row) => status(STATES[row.state] || "none", row.firing > 1 ? `${row.firing} firing` : named(row.state)),
        sort: (row) => RANK.indexOf(row.state),
      },
      { head: "Severity", text: (row) => row.severity, sort: urgency, look: "wide" },
      {
        head: "Value and threshold",
        sig: (row) => `${row.value} ${row.threshold}`,
        node: (row) => compare(row.value, row, row.threshold),
        look: "against-cell",
      },
      { head: "Signal", text: (row) => named(row.signal), sort: (row) => row.signal, look: "wide" },
      { head: "Window", text: (row) => words.length(row.window_seconds * 1000), look: "num wide" },
      {
        head: "For",
        text: (row) => words.length(row.pending_for_seconds * 1000),
        look: "num wide",
        hint: "How long it must be broken",
      },
    ],
    sort: "State",
    down: false,
  });
}

function silencesTable(actions) {
  return new Table({
    label: "Silences",
    id: (row) => String(row.id),
    empty: "There are no silences.",
    columns: [
      { head: "Labels", text: (row) => words.short(words.labels(row.labels), 300), look: "name" },
      { head: "By", text: (row) => words.short(row.by, 60), look: "name-short" },
      { head: "Why", text: (row) => words.short(row.comment, 250) || words.NONE, look: "cause" },
      { head: "Until", text: (row) => words.moment(row.until), look: "when" },
      {
        head: "Actions",
        sig: (row) => row.id,
        node: (row) => actions.button("End", `End silence ${row.id}`, () => actions.end(row)),
        look: "actions",
      },
    ],
  });
}

function historyTable() {
  const lasts = (row) => (row.resolved_at ? Date.parse(row.resolved_at) - Date.parse(row.timestamp) : null);
  return new Table({
    label: "History",
    id: (row) => `${row.fingerprint} ${row.timestamp}`,
    filter: (row) => row.lower,
    empty: "No alert fired in the last 24 hours.",
    columns: [
      { head: "Fired", text: (row) => words.moment(row.timestamp), sort: (row) => row.timestamp, down: true, look: "when" },
      {
        head: "Alert",
        text: (row) => words.short(`${row.name} ${words.labels(row.labels)}`),
        sort: (row) => row.name,
        look: "name",
      },
      {
        head: "Severity",
        sig: (row) => row.severity,
        node: (row) => status(SEVERITIES[row.severity], row.severity),
        sort: urgency,
      },
      {
        head: "Lasted",
        text: (row) => (row.resolved_at ? words.length(lasts(row)) : "still fires"),
        sort: lasts,
        value: lasts,
        look: "num",
      },
      {
        head: "Ended",
        text: (row) => (row.resolved_at ? named(row.resolve_reason) : words.NONE),
        sort: (row) => row.resolve_reason,
        look: "wide",
      },
      { head: "Message", text: (row) => words.short(row.message, 240), look: "cause wide" },
    ],
    sort: "Fired",
  });
}

export function alertsView(tools) {
  const rules = new Map();
  const actions = new Actions(tools);
  const [alerts, ruled, silences, history] = [alertsTable(actions, rules), rulesTable(), silencesTable(actions), historyTable()];
  const evaluated = el("p", { class: "note" });
  const older = el("p", { class: "note", hidden: true });
  const closed = el(
    "p",
    { class: "note", hidden: true },
    "Buttons are off: the API has no token, so a browser can change nothing.",
  );
  const evaluate = actions.button("Evaluate now", null, () => actions.evaluate());
  byId("alerts").append(
    el("div", { class: "part-head" }, evaluated, evaluate, closed),
    alerts.root,
    part("Rules"),
    ruled.root,
    el(
      "div",
      { class: "two" },
      el("div", {}, part("Silences"), silences.root),
      el("div", {}, part("Fired in the last 24 hours", null, older), history.root),
    ),
  );
  return {
    sections: ["service", "alerts", "history", "silences"],
    update(state, { changed }) {
      const may = state.service?.may_change === true;
      closed.hidden = may || !state.service;
      actions.allowed(may);
      if (state.alerts) {
        rules.clear();
        for (const rule of state.alerts.rules) rules.set(rule.name, rule);
        const shown = state.alerts.alerts.filter(({ state: word }) => word !== "inactive");
        alerts.update(byUrgency(shown));
        ruled.update(state.alerts.rules);
        const at = state.alerts.last_evaluation;
        const left = Object.values(state.alerts.left_out ?? {}).reduce((sum, one) => sum + one, 0);
        evaluated.replaceChildren(
          `${words.plural(state.alerts.rules.length, "rule")}, evaluated `,
          at ? since(at, words) : "never",
          left ? `; ${words.count(left)} more have no room here` : "",
        );
        const fire = countOf(state, "firing");
        const badge = byId("badge-alerts");
        badge.hidden = fire === 0;
        say(badge, words.count(fire));
      }
      if (state.silences) silences.update(state.silences.silences);
      if (state.history && this.seen !== changed.history) {
        this.seen = changed.history;
        const left = (state.history.history_count ?? 0) - state.history.history.length;
        older.hidden = left <= 0;
        say(older, `${words.count(left)} older ones have no room here`);
        this.rows = state.history.history.map((row) => ({
          ...row,
          lower: `${row.name} ${words.labels(row.labels)} ${row.message}`.toLowerCase(),
        }));
      }
      if (this.rows) history.update(this.rows);
      this.follow();
    },
    /** Goes to the alert that the address names, as soon as it is there. */
    follow() {
      const wanted = /^#alert=([0-9a-zA-Z]{1,64})$/.exec(location.hash)?.[1];
      if (!wanted) this.followed = "";
      if (!wanted || this.followed === wanted || alerts.rows.length + (this.rows?.length ?? 0) === 0) return;
      this.followed = wanted;
      const tr = alerts.find(wanted);
      document.querySelector("tr.linked")?.classList.remove("linked");
      if (tr) {
        tr.classList.add("linked");
        tr.scrollIntoView({ block: "center" });
        tr.querySelector("a")?.focus({ preventScroll: true });
        return;
      }
      byId("alerts").scrollIntoView();
      tools.say("The alert of this link does not fire any more. The history has those of the last 24 hours.");
    },
  };
}

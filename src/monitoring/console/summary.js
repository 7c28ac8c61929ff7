// Writes down the incident as a text for a chat or a ticket.

import { byId, copy, say } from "./dom.js";
import { countOf, firing, silent, verdict, worstCheck } from "./verdict.js";
import * as words from "./words.js";

const MOST = 10;

/** The time with its date and its zone: a text outlives the day. */
const stamp = (at) =>
  new Date(at)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");

/** What has no line is counted. */
const more = (count) => (count > 0 ? [`- and ${words.count(count)} more`] : []);

function alertLines(state) {
  const rules = new Map((state.alerts?.rules || []).map((rule) => [rule.name, rule]));
  const lines = firing(state)
    .slice(0, MOST)
    .map((alert) => {
      const unit = rules.get(alert.name)?.unit;
      const of = words.labels(alert.labels);
      const side = rules.get(alert.name)?.comparison === "below" ? "below" : "above";
      const by = alert.acknowledged_by ? `acknowledged by ${words.short(alert.acknowledged_by, 60)}` : "not acknowledged";
      const value = `${words.inUnit(alert.metric_value, unit)}, breaks ${side} ${words.inUnit(alert.threshold, unit)}`;
      return `- ${alert.severity} ${words.short(alert.name)}${of ? ` (${words.short(of)})` : ""}: ${value}; since ${stamp(alert.timestamp)}; ${by}`;
    });
  return [...lines, ...more(countOf(state, "firing") - lines.length)];
}

/** The incident in some twenty lines. `age` is how old the numbers are, in milliseconds. */
export function summary(state, age) {
  const { service = {}, now = {}, stuck = {} } = state;
  const { word, why } = verdict(state);
  const lines = [
    `${words.short(service.name || "service", 80)} ${words.short(service.version || "", 40)} (${words.short(service.environment || "", 40)}), instance ${words.short(service.instance || "unknown", 80)} only`,
    `${stamp(words.now())}: ${word}: ${why}${age > 10_000 ? ` (the numbers are ${words.length(age)} old: the service does not answer)` : ""}`,
    "",
    `Requests ${words.decimal(now.requests_per_second)}/s, errors ${words.percent(now.error_rate)}, p50 ${words.ms(now.p50_ms)}, p95 ${words.ms(now.p95_ms)}, p99 ${words.ms(now.p99_ms)}, in flight ${words.count(now.in_flight)}${stuck.watched ? `, stuck ${words.count(stuck.count)}` : ""}`,
  ];
  const alerts = alertLines(state);
  if (alerts.length) lines.push("", "Firing:", ...alerts);
  const worst = worstCheck(state);
  if (worst && worst.status !== "healthy")
    lines.push(
      "",
      `Health: ${words.short(worst.name)} (${worst.role}) is ${worst.status}${worst.last_change ? ` since ${stamp(worst.last_change)}` : ""}`,
    );
  const failed = (state.errors?.errors || []).filter(({ count }) => count > 0);
  const errors = failed.slice(0, 5);
  const left = (state.errors?.errors_count ?? 0) - (state.errors?.errors?.length ?? 0);
  if (errors.length)
    lines.push(
      "",
      "Errors of the last minutes:",
      ...errors.map(
        (one) =>
          `- ${one.category} at ${words.short(one.endpoint)}: ${words.count(one.count)} (before: ${words.count(one.previous)})`,
      ),
      ...more(failed.length - errors.length + left),
    );
  const [last] = state.deployments?.deployments || [];
  if (last)
    lines.push(
      "",
      `Last deployment: ${words.short(last.version, 60)} at ${stamp(last.at)}${last.more_errors ? ", more errors since" : ""}`,
    );
  const broken = silent(state);
  if (broken.length) lines.push("", `Not delivering: ${broken.map(({ name }) => words.short(name, 60)).join(", ")}`);
  lines.push("", location.href.replace(/#.*$/, ""));
  return lines.join("\n");
}

/** The dialog in which the text can be read before it is copied. */
export function summaryDialog(current) {
  const text = byId("summary-text");
  const done = byId("summary-copy");
  byId("summary-open").addEventListener("click", () => {
    const { state, age } = current();
    text.value = summary(state, age);
    say(done, "Copy");
    byId("summary-dialog").showModal();
    text.focus();
    text.setSelectionRange(0, 0);
    text.scrollTop = 0;
  });
  done.addEventListener("click", async () => say(done, (await copy(text.value)) ? "Copied" : "Select it and copy it"));
}

// Judges what a service says without a browser: what is bad, what comes first, and what has no room.

import assert from "node:assert/strict";
import { test } from "node:test";

import { empty, quiet, trouble } from "./fixtures.mjs";

const of = (name) => import(new URL(`../../src/monitoring/console/${name}.js`, import.meta.url));
const { labelsOf } = await of("actions");
const { valueOf } = await of("inside");
const { summary } = await of("summary");
const { byUrgency, countOf, firing, KINDS, verdict } = await of("verdict");

const { hear } = await of("words");

const calm = quiet();

/** The quiet service with other words of its health and its checks. */
function health(status, ...statuses) {
  const checks = calm.health.checks.map((check, index) => ({ ...check, status: statuses[index] ?? "healthy" }));
  return { ...calm, health: { ...calm.health, status, checks } };
}

const alerts = (all, more) => ({ ...calm, alerts: { ...calm.alerts, alerts: all, ...more } });
const alert = (state, severity, timestamp = "2026-11-20T12:00:00.000Z") => ({ name: "one", labels: {}, state, severity, timestamp });

test("a service of which nobody knows whether it is healthy is in trouble, as its readiness says", () => {
  assert.deepEqual(verdict(health("unknown", "unknown")), {
    kind: "bad",
    word: "Trouble",
    why: "nobody knows whether the service is healthy",
  });
  assert.equal(verdict(health("unhealthy", "unhealthy")).word, "Trouble");
  assert.equal(verdict(health("degraded", "degraded")).word, "Look here");
  assert.equal(KINDS.unknown, "bad");
});

test("a quiet service claims of no check that is not healthy that it is", () => {
  assert.equal(verdict(calm).why, "no alert fires, 4 checks without complaint");
  const only_shown = health("healthy", "healthy", "healthy", "healthy", "unknown");
  assert.deepEqual(
    [verdict(only_shown).word, verdict(only_shown).why],
    ["Quiet", "no alert fires, 3 of 4 checks without complaint"],
  );
});

test("a rule that cannot be judged is no quiet one", () => {
  const { word, why } = verdict(alerts([alert("error", "critical")]));
  assert.deepEqual([word, why], ["Look here", "1 alert cannot be judged"]);
  assert.equal(verdict(alerts([alert("no_data", "critical")])).word, "Quiet");
});

test("alerts are counted with those that have no room in the list", () => {
  const many = alerts([alert("firing", "critical")], { left_out: { firing: 1_200, pending: 3 } });
  assert.equal(countOf(many, "firing"), 1_201);
  assert.equal(countOf(many, "pending"), 3);
  assert.equal(verdict(many).why, "1,201 alerts fire");
  assert.equal(verdict(alerts([], { left_out: { pending: 3 } })).why, "3 alerts pending, none fires");
});

test("the most urgent alert comes first, and equal ones keep their order", () => {
  const all = [
    alert("pending", "critical"),
    alert("firing", "info"),
    alert("firing", "warning", "2026-11-20T12:00:01.000Z"),
    { ...alert("firing", "warning"), name: "first" },
    { ...alert("firing", "warning"), name: "second" },
    alert("firing", "critical"),
  ];
  const told = byUrgency(all).map(({ state, severity, name }) => `${state} ${severity} ${name}`);
  assert.deepEqual(told, [
    "firing critical one",
    "firing warning first",
    "firing warning second",
    "firing warning one",
    "firing info one",
    "pending critical one",
  ]);
  assert.deepEqual(firing(alerts(all)).length, 5);
});

test("a gauge that is no time, and one without a value, are shown as they are", () => {
  const soon = 1e13;
  assert.equal(valueOf("certificate_timestamp_seconds", soon), "10,000,000,000,000");
  hear("2026-11-20T12:00:00.000Z");
  assert.equal(valueOf("backup_timestamp_seconds", Date.parse("2026-11-20T11:54:30.000Z") / 1000), "5 min 30 s ago");
  for (const family of ["backup_timestamp_seconds", "lag_seconds", "took_ms", "busy_ratio", "used_percent", "used_bytes", "carts"])
    assert.equal(valueOf(family, null), "–", family);
});

test("a silence has the labels of its alert, or its fingerprint where the API would refuse them", () => {
  const one = (labels) => ({ name: "backlog", fingerprint: "1f2e3d4c5b6a7980", labels });
  const by_fingerprint = { alert: "backlog", fingerprint: "1f2e3d4c5b6a7980" };
  const named = (count) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`l${index}`, "x"]));
  assert.deepEqual(labelsOf(one({ queue: "mail" })), { alert: "backlog", queue: "mail" });
  assert.equal(Object.keys(labelsOf(one(named(15)))).length, 16);
  assert.deepEqual(labelsOf(one(named(16))), by_fingerprint);
  assert.deepEqual(labelsOf(one({ queue: "ä".repeat(250) })), { alert: "backlog", queue: "ä".repeat(250) });
  assert.deepEqual(labelsOf(one({ queue: "ä".repeat(251) })), by_fingerprint);
  for (const name of ["alert", "severity", "fingerprint"]) assert.deepEqual(labelsOf(one({ [name]: "x" })), by_fingerprint);
});

test("the summary counts the alerts and the errors that it does not name", () => {
  globalThis.location = { href: "http://localhost/" };
  const say = trouble();
  const fires = { ...firing(say)[0] };
  const many = Array.from({ length: 12 }, (_, index) => ({ ...fires, fingerprint: String(index) }));
  const error = { category: "database", endpoint: "/orders", count: 2, share: 0.1, previous: 0, change: 2 };
  const errors = Array.from({ length: 8 }, () => error);
  const text = summary(
    {
      ...say,
      alerts: { ...say.alerts, alerts: many, left_out: { firing: 7 } },
      errors: { ...say.errors, errors, errors_count: 208 },
    },
    0,
  );
  assert.equal(text.match(/^- critical /gm).length, 10, text);
  assert.match(text, /^- and 9 more$/m);
  assert.match(text, /^- and 203 more$/m);
  const calmly = summary({ ...empty(), errors: { ...say.errors, errors: [error], errors_count: 1 } }, 0);
  assert.doesNotMatch(calmly, /more$/m);
});

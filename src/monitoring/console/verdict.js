// Judges what the service says: what fires, what is worst, who is not told, and how bad it is in one sentence.

import * as words from "./words.js";

const ORDER = { critical: 0, warning: 1, info: 2 };
const WORST = ["unhealthy", "unknown", "degraded", "healthy"];
const ROLES = ["critical", "optional", "informational"];

/** The alerts that fire, the worst first. */
export function firing(state) {
  const alerts = (state.alerts?.alerts || []).filter((alert) => alert.state === "firing");
  return alerts.sort((one, other) => ORDER[one.severity] - ORDER[other.severity] || (one.timestamp < other.timestamp ? -1 : 1));
}

/** Checks, the worst first. */
export function byHealth(checks) {
  const rank = ({ status, role }) => WORST.indexOf(status) * ROLES.length + ROLES.indexOf(role);
  return [...checks].sort((one, other) => rank(one) - rank(other) || (one.name < other.name ? -1 : 1));
}

/** The check that is worst: of those that are as bad, one that matters more. */
export const worstCheck = (state) => byHealth(state.health?.checks || [])[0] ?? null;

/** Which notifiers do not deliver: their last failure came after their last success. */
export function silent(state) {
  const failed = ({ last_failure_at: failure, last_sent_at: sent }) => failure && (!sent || failure > sent);
  return (state.notifiers?.notifiers || []).filter(failed);
}

/** One sentence, and how bad it is. */
export function verdict(state) {
  const alerts = firing(state);
  const pending = (state.alerts?.alerts || []).filter((alert) => alert.state === "pending").length;
  const health = state.health?.status;
  const stuck = state.stuck?.count ?? 0;
  const facts = [];
  if (alerts.length) facts.push(`${words.plural(alerts.length, "alert")} ${alerts.length === 1 ? "fires" : "fire"}`);
  if (health === "unhealthy" || health === "degraded") facts.push(`the service is ${health}`);
  if (stuck) facts.push(`${words.plural(stuck, "request")} ${stuck === 1 ? "is" : "are"} stuck`);
  if (state.health?.draining) facts.push("it is draining");
  const bad = health === "unhealthy" || alerts.some(({ severity }) => severity === "critical");
  if (bad) return { kind: "bad", word: "Trouble", why: facts.join(", ") };
  if (facts.length) return { kind: "warn", word: "Look here", why: facts.join(", ") };
  if (pending) return { kind: "wait", word: "Watch", why: `${words.plural(pending, "alert")} pending, none fires` };
  const [rules, checks] = [state.alerts?.rules?.length ?? 0, state.health?.checks?.length ?? 0];
  if (rules + checks === 0) return { kind: "none", word: "Unwatched", why: "there are no rules and no checks" };
  const quiet = [
    rules ? "no alert fires" : "there are no rules",
    checks ? `${words.plural(checks, "check")} without complaint` : "",
  ];
  return { kind: "good", word: "Quiet", why: quiet.filter(Boolean).join(", ") };
}

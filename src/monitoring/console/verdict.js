// Judges what the service says: what fires, what is worst, who is not told, and how bad it is in one sentence.

import * as words from "./words.js";

/** How a status of a check looks. One that is unknown is no better than an unhealthy one: readiness answers 503 with both. */
export const KINDS = { healthy: "good", degraded: "warn", unhealthy: "bad", unknown: "bad" };
/** Severities and states of alerts, the worst first. */
export const SEVERITIES = ["critical", "warning", "info"];
export const STATES = ["firing", "error", "pending", "no_data", "resolved", "inactive"];
const WORST = ["unhealthy", "unknown", "degraded", "healthy"];
const ROLES = ["critical", "optional", "informational"];

const compared = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
const listed = (state, word) => (state.alerts?.alerts || []).filter((alert) => alert.state === word);

/** Alerts, the worst first: by their state, their severity, and how long they are in it. */
export function byUrgency(alerts) {
  const rank = ({ state, severity }) => STATES.indexOf(state) * SEVERITIES.length + SEVERITIES.indexOf(severity);
  return [...alerts].sort((one, other) => rank(one) - rank(other) || compared(one.timestamp, other.timestamp));
}

/** The alerts that fire, the worst first. */
export const firing = (state) => byUrgency(listed(state, "firing"));

/** How many alerts are in a state, with those that have no room in the list. */
export const countOf = (state, word) => listed(state, word).length + (state.alerts?.left_out?.[word] ?? 0);

/** Checks, the worst first. */
export function byHealth(checks) {
  const rank = ({ status, role }) => WORST.indexOf(status) * ROLES.length + ROLES.indexOf(role);
  return [...checks].sort((one, other) => rank(one) - rank(other) || compared(one.name, other.name));
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
  const [fire, unjudged, pending] = ["firing", "error", "pending"].map((word) => countOf(state, word));
  const health = state.health?.status;
  const stuck = state.stuck?.count ?? 0;
  const facts = [];
  if (fire) facts.push(`${words.plural(fire, "alert")} ${fire === 1 ? "fires" : "fire"}`);
  if (health === "unknown") facts.push("nobody knows whether the service is healthy");
  else if (health && health !== "healthy") facts.push(`the service is ${health}`);
  if (stuck) facts.push(`${words.plural(stuck, "request")} ${stuck === 1 ? "is" : "are"} stuck`);
  if (unjudged) facts.push(`${words.plural(unjudged, "alert")} cannot be judged`);
  if (state.health?.draining) facts.push("it is draining");
  const bad = KINDS[health] === "bad" || firing(state).some(({ severity }) => severity === "critical");
  if (bad) return { kind: "bad", word: "Trouble", why: facts.join(", ") };
  if (facts.length) return { kind: "warn", word: "Look here", why: facts.join(", ") };
  if (pending) return { kind: "wait", word: "Watch", why: `${words.plural(pending, "alert")} pending, none fires` };
  const [rules, all] = [state.alerts?.rules?.length ?? 0, state.health?.checks ?? []];
  if (rules + all.length === 0) return { kind: "none", word: "Unwatched", why: "there are no rules and no checks" };
  const well = all.filter(({ status }) => status === "healthy").length;
  const quiet = [
    rules ? "no alert fires" : "there are no rules",
    all.length ? `${well === all.length ? "" : `${words.count(well)} of `}${words.plural(all.length, "check")} without complaint` : "",
  ];
  return { kind: "good", word: "Quiet", why: quiet.filter(Boolean).join(", ") };
}

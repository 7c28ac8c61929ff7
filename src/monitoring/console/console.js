// Starts the page: brings what the service says to the parts of the page that show it.

import { alertsView } from "./alerts.js";
import { deploymentsView } from "./deployments.js";
import { byId, el, say } from "./dom.js";
import { endpointsView } from "./endpoints.js";
import { errorsView } from "./errors.js";
import { healthView } from "./health.js";
import { insideView } from "./inside.js";
import { instancesView } from "./instances.js";
import { nowView } from "./now.js";
import { Poll, STALE } from "./poll.js";
import { summaryDialog } from "./summary.js";
import { Token } from "./token.js";
import { countOf } from "./verdict.js";
import * as words from "./words.js";

const NO_SECTIONS = ["cursor", "whole"];

/** The sections as they came last, and how often each has changed. */
const state = {};
const changed = {};
let marks = [];
let declined = false;

const token = new Token();
const poll = new Poll({ token, changed: take, told: showLive, lockedOut: askForToken });
const tools = { token, marks: () => marks, refresh: () => poll.now(), say: tell };
const first = nowView();
const views = [first, alertsView(tools), endpointsView(tools), errorsView(tools), healthView(), deploymentsView(), instancesView(), insideView()];
const due = new Set();
const channel = new MessageChannel();

/** Draws one view in each task, so that no task is long and a click is never late. */
channel.port1.onmessage = () => {
  const [view] = due;
  if (!view) return;
  due.delete(view);
  // First, so that a view that fails keeps none of the others from being drawn.
  if (due.size > 0) channel.port2.postMessage(0);
  view.update(state, { marks, changed });
};

function show(names) {
  const idle = due.size === 0;
  for (const view of views) if (names.some((name) => view.sections.includes(name))) due.add(view);
  if (idle && due.size > 0) channel.port2.postMessage(0);
}

function take({ timestamp, ...sections }) {
  words.hear(timestamp);
  const names = Object.keys(sections).filter((name) => !NO_SECTIONS.includes(name));
  for (const name of names) {
    state[name] = sections[name];
    changed[name] = (changed[name] || 0) + 1;
  }
  if (sections.deployments)
    marks = sections.deployments.deployments.map(({ at, version }) => ({ at: Date.parse(at), label: version }));
  // What is shown is at most five seconds old, whatever the service says.
  if (sections.service?.poll_ms > 0) poll.every = Math.min(5_000, Math.max(1_000, sections.service.poll_ms));
  declined = false;
  show(names);
  showHead();
}

function showHead() {
  const { service = {} } = state;
  const name = words.short(service.name || "Console", 60);
  say(byId("service"), name);
  const tags = [
    ["environment", service.environment],
    ["version", service.version],
  ];
  const next = tags.filter(([, value]) => value).map(([what, value]) => el("li", { title: what }, words.short(value, 40)));
  const list = byId("tags");
  if (list.textContent !== next.map((one) => one.textContent).join("")) list.replaceChildren(...next);
  const up = service.started_at ? ` It started ${words.moment(service.started_at)}.` : "";
  const instance = service.instance ? `: ${words.short(service.instance, 80)}` : "";
  const others = state.instances?.joined
    ? "All of them are under Instances."
    : "Other instances have numbers and a console of their own.";
  say(byId("scope"), `This instance only${instance}.${up} ${others}`);
  showTitle();
  byId("token-open").hidden = service.may_change === false && !token.isThere;
  say(byId("token-open"), token.isThere ? "Forget token" : "Token");
}

/** What a tab in the background says. */
function showTitle() {
  const fire = countOf(state, "firing");
  const before = document.body.dataset.live === "stale" ? "(stale) " : fire ? `(${fire} firing) ` : "";
  document.title = `${before}${byId("service").textContent}`;
}

/** How old is what is shown. A service that does not answer is shown as stale, with its last numbers, and never as zero. */
function showLive() {
  const age = poll.age();
  const old = age !== null && age > STALE;
  const failing = poll.failed > 0 && (age === null || old);
  const live = byId("live");
  const waits = failing ? (poll.locked ? "locked" : "stale") : "wait";
  const word = poll.paused ? "paused" : age === null ? waits : old ? "stale" : "live";
  live.dataset.state = word;
  document.body.dataset.live = word;
  first.stale(old && !poll.paused);
  showTitle();
  const text = { paused: "Paused", wait: "Waiting for the first answer", locked: "Locked", live: "Live", stale: "Stale" }[word];
  say(byId("live-text"), age === null ? text : `${text}, ${words.length(age)} old`);
  const trouble = byId("trouble");
  trouble.hidden = !failing;
  if (!failing) return;
  const nothing = poll.locked ? "The button Token takes it." : "There was no answer yet.";
  const since =
    poll.heard === null ? nothing : `No answer since ${words.moment(words.now() - age)}: what is shown is what was true then.`;
  say(trouble, `${poll.failure} ${since}`);
}

/** Keeps ages up to date without drawing anything else. */
function showAges() {
  showLive();
  for (const node of document.querySelectorAll("time[data-since]")) say(node, words.ago(node.dataset.since));
  for (const node of document.querySelectorAll("time[data-lasted]")) say(node, words.lasted(node.dataset.lasted));
}

async function askForToken() {
  const wrong = token.isThere;
  token.forget();
  if (declined) return;
  declined = true;
  const why = wrong
    ? "That is not the token of this service."
    : "This service shows its numbers only to those who have its token.";
  if (await token.ask(why)) {
    declined = false;
    poll.now();
  }
}

function tell(text, isBad = false) {
  const said = byId("said");
  said.classList.toggle("bad", isBad);
  say(said, text);
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => say(said, ""), 12_000);
}

byId("zone").addEventListener("click", () => {
  words.useUtc(!words.isUtc());
  say(byId("zone"), words.isUtc() ? "UTC" : "Local time");
  show(Object.keys(state));
  showHead();
});

byId("theme").addEventListener("change", ({ target }) => {
  document.documentElement.dataset.theme = target.value;
});

byId("token-open").addEventListener("click", async () => {
  if (token.isThere) token.forget();
  else await token.ask("It is needed to change something.");
  poll.now();
  showHead();
});

document.addEventListener("click", ({ target }) => {
  if (target instanceof Element && target.matches("[data-close]")) target.closest("dialog").close();
});

addEventListener("hashchange", () => views.forEach((view) => view.follow?.()));

summaryDialog(() => ({ state, age: poll.age() ?? 0 }));
setInterval(() => {
  if (!document.hidden) showAges();
}, 1_000);
poll.start();

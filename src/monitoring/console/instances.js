// Shows all instances of the service beside each other: which one is slow, lost, of another version, or set up in another way.

import { against } from "./bars.js";
import { byId, el, say, since, status } from "./dom.js";
import { Table } from "./tables.js";
import { KINDS } from "./verdict.js";
import * as words from "./words.js";

/** What is most wrong with an instance, the worst first. */
const STATES = [
  [({ lost }) => lost, "bad", "lost"],
  [({ ended }) => ended, "none", "ended"],
  [({ health }) => KINDS[health] === "bad", "bad", "not healthy"],
  [({ slow }) => slow, "warn", "slow"],
  [({ other_settings: other }) => other, "warn", "other settings"],
  [() => true, "good", "there"],
];

const place = (row) => STATES.findIndex(([is]) => is(row));
/** Those that ended in good order stand last. */
const order = (row) => (row.ended ? STATES.length : place(row));

const isThere = ({ lost, ended }) => !lost && !ended;

/** The versions of the instances that are there. */
function versions(rows) {
  return [...new Set(rows.filter(isThere).map(({ version }) => version ?? "unknown"))].sort();
}

function speed({ p95_ms: p95, p95_to_others: times, slow }) {
  if (p95 === null || times === null) return [el("span", {}, words.ms(p95))];
  const told = `p95 ${words.ms(p95)}, ${words.decimal(times)} times that of the others`;
  // The line is where an instance is called slow.
  const bar = against(p95, (p95 / times) * 2, "above", told, 90);
  return [bar, el("span", { class: slow ? "strong" : null }, ` ${words.ms(p95)}`)];
}

function told(all) {
  const rows = all.instances;
  const lost = rows.filter((row) => row.lost).length;
  const there = rows.filter(isThere).length;
  const facts = [`${words.plural(there, "instance")} there`];
  if (lost) facts.push(`${words.count(lost)} lost`);
  const known = versions(rows);
  if (known.length > 1) facts.push(`${words.count(known.length)} versions: ${known.map((one) => words.short(one, 40)).join(", ")}`);
  const other = rows.filter((row) => row.other_settings && isThere(row)).map(({ id }) => words.short(id, 60));
  if (other.length) facts.push(`with other thresholds than the others: ${other.join(", ")}`);
  const share = all.requests ? all.errors / all.requests : null;
  const together = `${words.count(all.requests)} requests in ${words.length(all.window_seconds * 1000)}, errors ${words.percent(share)}, p95 ${words.ms(all.p95_ms)}`;
  return `Together: ${together}. ${facts.join("; ")}. The line beside a p95 is twice that of the others.`;
}

export function instancesView() {
  const trouble = el("p", { class: "trouble", role: "status", hidden: true });
  const note = el("p", { class: "note" });
  const table = new Table({
    label: "Instances",
    id: (row) => `${row.id} ${row.started}`,
    filter: (row) => `${row.id} ${row.version ?? ""}`.toLowerCase(),
    empty: "No instance is known.",
    columns: [
      { head: "Instance", text: (row) => words.short(row.id, 80), look: "name strong" },
      { head: "State", sig: place, node: (row) => status(STATES[place(row)][1], STATES[place(row)][2]) },
      { head: "p95", hint: "Beside twice that of the others", sig: (row) => `${row.p95_ms} ${row.p95_to_others}`, node: speed, value: (row) => row.p95_ms },
      { head: "p50", text: (row) => words.ms(row.p50_ms), value: (row) => row.p50_ms, look: "num wide" },
      { head: "Requests", text: (row) => words.count(row.requests), value: (row) => row.requests, look: "num" },
      { head: "Errors", text: (row) => words.percent(row.requests ? row.errors / row.requests : null), look: "num" },
      { head: "Version", text: (row) => (row.version ? words.short(row.version, 40) : words.NONE), look: "name-short" },
      {
        head: "Health",
        sig: (row) => row.health,
        node: (row) => (row.health ? status(KINDS[row.health] || "none", words.short(row.health, 20)) : words.NONE),
      },
      { head: "Settings", text: (row) => (row.other_settings ? "other thresholds" : "as the others"), look: "wide" },
      { head: "Sign of life", sig: (row) => row.last_seen, node: (row) => since(row.last_seen, words) },
      { head: "Started", sig: (row) => row.started, node: (row) => since(row.started, words), look: "wide" },
    ],
  });
  byId("instances").append(trouble, note, table.root);
  return {
    sections: ["instances"],
    update({ instances: all }) {
      if (!all) return;
      for (const id of ["instances", "nav-instances"]) byId(id).hidden = !all.joined;
      if (!all.joined) return;
      const read = all.read_at ? ` What is shown is what was true ${words.moment(all.read_at)}.` : "";
      trouble.hidden = !all.trouble;
      say(trouble, all.trouble ? `Nothing new is known of other instances: ${words.short(all.trouble, 300)}.${read}` : "");
      table.root.hidden = !all.read_at;
      say(note, all.read_at ? told(all) : all.trouble ? "" : "The instances are being asked.");
      table.update([...all.instances].sort((one, other) => order(one) - order(other)));
      const odd = all.instances.filter((row) => ["bad", "warn"].includes(STATES[place(row)][1])).length;
      const badge = byId("badge-instances");
      badge.hidden = odd === 0 && !all.trouble;
      say(badge, all.trouble ? "!" : words.count(odd));
    },
  };
}

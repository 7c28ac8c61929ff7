// Shows the checks of the service: what each says now, and what it said in the last hour.

import { strip } from "./bars.js";
import { byId, el, say, since, status } from "./dom.js";
import { Table } from "./tables.js";
import { byHealth, KINDS } from "./verdict.js";
import * as words from "./words.js";

function told(statuses) {
  const counts = new Map();
  for (const word of statuses) counts.set(word ?? "not observed", (counts.get(word ?? "not observed") || 0) + 1);
  return [...counts].map(([word, minutes]) => `${word} ${words.count(minutes)} min`).join(", ");
}

const moment = (at) => (at ? since(at, words) : words.NONE);

export function healthView() {
  const note = el("p", { class: "note" });
  const table = new Table({
    label: "Health checks",
    id: (row) => row.name,
    empty: "The service has no checks.",
    columns: [
      { head: "Check", text: (row) => words.short(row.name), look: "name" },
      { head: "Status", sig: (row) => row.status, node: (row) => status(KINDS[row.status] || "none", row.status) },
      { head: "Role", text: (row) => row.role, look: "wide" },
      {
        head: "Last hour",
        sig: (row) => (row.strip?.statuses || []).join(),
        node: (row) => strip(row.strip?.statuses || [], told(row.strip?.statuses || [])),
        look: "strip-cell",
      },
      { head: "Answered", sig: (row) => row.answered_at, node: (row) => moment(row.answered_at), look: "wide" },
      { head: "Changed", sig: (row) => row.last_change, node: (row) => moment(row.last_change) },
      { head: "Took", text: (row) => words.ms(row.latency_ms), value: (row) => row.latency_ms, look: "num wide" },
      { head: "Last success", sig: (row) => row.last_success, node: (row) => moment(row.last_success), look: "wide" },
      { head: "Error", text: (row) => (row.error ? words.short(row.error, 300) : words.NONE), look: "cause" },
    ],
  });
  byId("health").append(note, table.root);
  return {
    sections: ["health"],
    update({ health }) {
      if (!health) return;
      table.update(byHealth(health.checks));
      const texts = health.errors_shown ? "" : " Texts of errors are not shown here.";
      say(
        note,
        `${health.draining ? "The service is draining: it takes no new traffic. " : ""}A bar is a minute: the taller, the worse.${texts}`,
      );
      const bad = health.checks.filter(({ status: word }) => word !== "healthy").length;
      const badge = byId("badge-health");
      badge.hidden = bad === 0;
      say(badge, words.count(bad));
    },
  };
}

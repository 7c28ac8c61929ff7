// Shows the deployments, and what requests were like before and after each.

import { byId, el, say, since, status } from "./dom.js";
import { Table } from "./tables.js";
import * as words from "./words.js";

function judged({ more_errors: more }) {
  if (more === true) return status("bad", "more errors");
  return more === false ? status("good", "no more errors") : status("none", "not judged");
}

const beside = (before, after, text) => `${text(before)} → ${text(after)}`;

export function deploymentsView() {
  const note = el("p", { class: "note" });
  const table = new Table({
    label: "Deployments",
    id: (row) => `${row.at} ${row.version}`,
    empty: "No deployment is known.",
    columns: [
      { head: "Version", text: (row) => words.short(row.version, 80), look: "name strong" },
      {
        head: "When",
        sig: (row) => row.at,
        node: (row) => [
          el("span", { class: "when" }, words.moment(row.at)),
          el("span", { class: "aside" }, since(row.at, words)),
        ],
      },
      {
        head: "Errors before → after",
        text: (row) => beside(row.error_rate_before, row.error_rate_after, words.percent),
        look: "num",
      },
      { head: "p95 before → after", text: (row) => beside(row.p95_ms_before, row.p95_ms_after, words.ms), look: "num" },
      { head: "Judged", sig: (row) => row.more_errors, node: judged },
      { head: "By", text: (row) => (row.by ? words.short(row.by, 60) : words.NONE), look: "name-short wide" },
      { head: "Environment", text: (row) => words.short(row.environment, 60), look: "wide" },
      { head: "Changes", text: (row) => (row.changes ? words.short(row.changes, 300) : words.NONE), look: "cause wide" },
    ],
  });
  byId("deployments").append(note, table.root);
  return {
    sections: ["deployments"],
    update({ deployments }) {
      if (!deployments) return;
      const shown = deployments.deployments.length;
      const count = deployments.deployments_count ?? shown;
      say(
        note,
        `${count > shown ? `The last ${words.count(shown)} of ${words.count(count)}. ` : ""}The 30 minutes before beside the 30 minutes after. On charts, ▼ marks a deployment.`,
      );
      table.update(deployments.deployments);
    },
  };
}

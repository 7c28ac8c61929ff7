// Does what a person orders about alerts: evaluates, acknowledges, silences, and ends a silence.

import { button, byId, el, say } from "./dom.js";
import * as words from "./words.js";

/** What the API takes as labels of a silence, and the names that mean something else there. */
const MOST_LABELS = 16;
const LONGEST = 250;
const TAKEN = ["alert", "severity", "fingerprint"];

/** The labels that silence one alert: those that people read, or its fingerprint where the API would not take them. */
export function labelsOf({ name, labels, fingerprint }) {
  const all = Object.entries(labels);
  const fits = ([label, value]) => !TAKEN.includes(label) && [label, value].every((text) => [...text].length <= LONGEST);
  return all.length < MOST_LABELS && all.every(fits) ? { alert: name, ...labels } : { alert: name, fingerprint };
}

/** What a person can do. Each method asks for what it needs, sends it, and says what came of it. */
export class Actions {
  #by = "";

  constructor(tools) {
    this.tools = tools;
    byId("ack-form").addEventListener("submit", () => this.#sendAck());
    byId("silence-form").addEventListener("submit", () => this.#sendSilence());
  }

  allowed(yes) {
    this.may = yes;
    for (const one of document.querySelectorAll("button[data-changes]")) one.disabled = !yes;
  }

  button(label, what, click) {
    return button(label, click, { class: "small", "data-changes": "", "aria-label": what, disabled: !this.may });
  }

  async #order(path, body, done) {
    const { ok, body: answer, why } = await this.tools.token.order(path, body);
    this.tools.say(ok ? done(answer) : why, !ok);
    if (ok) this.tools.refresh();
  }

  evaluate() {
    return this.#order(
      "evaluate",
      {},
      (answer) => `Evaluated: ${words.plural(answer.triggered_alerts_count ?? 0, "alert")} firing.`,
    );
  }

  acknowledge(alert) {
    this.alert = alert;
    say(byId("ack-what"), `${words.short(alert.name)}: ${words.short(alert.message, 240)}`);
    byId("ack-by").value = this.#by;
    byId("ack-dialog").showModal();
  }

  #sendAck() {
    this.#by = byId("ack-by").value.trim();
    const { fingerprint, name } = this.alert;
    return this.#order(
      `alerts/${encodeURIComponent(fingerprint)}/ack`,
      { by: this.#by },
      () => `Acknowledged ${words.short(name, 60)} by ${words.short(this.#by, 60)}.`,
    );
  }

  silence(alert) {
    this.labels = labelsOf(alert);
    const list = Object.entries(this.labels).map(([name, value]) =>
      el("div", {}, el("dt", {}, words.short(name, 60)), el("dd", { class: "name" }, words.short(value))),
    );
    byId("silence-labels").replaceChildren(...list);
    byId("silence-by").value = this.#by;
    byId("silence-comment").value = "";
    byId("silence-dialog").showModal();
  }

  #sendSilence() {
    this.#by = byId("silence-by").value.trim();
    const body = {
      labels: this.labels,
      lasts: byId("silence-lasts").value,
      by: this.#by,
      comment: byId("silence-comment").value,
    };
    return this.#order("silences", body, (silence) => `Silenced until ${words.moment(silence.until)}.`);
  }

  end(silence) {
    return this.#order(`silences/${silence.id}/end`, {}, () => "The silence has ended.");
  }
}

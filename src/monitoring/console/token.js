// Holds the token in memory, asks for it, and sends what a person orders with it.

import { byId, say } from "./dom.js";
import { refusal } from "./poll.js";

/** The token of the monitoring API. It is in no storage and in no address, and is gone with the page. */
export class Token {
  #value = "";
  #waiting = null;

  constructor() {
    this.dialog = byId("token-dialog");
    this.input = byId("token-input");
    byId("token-form").addEventListener("submit", () => this.#given());
    this.dialog.addEventListener("close", () => this.#done(false));
  }

  get isThere() {
    return this.#value !== "";
  }

  headers() {
    return this.#value ? { Authorization: `Bearer ${this.#value}` } : {};
  }

  forget() {
    this.#value = "";
  }

  /** Asks for it, and says whether it was given. */
  ask(why) {
    if (this.#waiting) return this.#waiting.promise;
    say(byId("token-why"), why);
    let answer;
    const promise = new Promise((resolve) => (answer = resolve));
    this.#waiting = { promise, answer };
    this.dialog.showModal();
    this.input.focus();
    return promise;
  }

  #given() {
    // A header has only such characters. Another one could be no token.
    const given = this.input.value.trim();
    this.input.value = "";
    if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(given)) {
      this.#value = given;
      this.#done(true);
    }
  }

  #done(given) {
    this.input.value = "";
    this.#waiting?.answer(given);
    this.#waiting = null;
  }

  /** Sends an order. The answer is `{ok, body}` or `{ok: false, why}`. Asks for the token, once more if it was wrong. */
  async order(path, body) {
    for (let why = "To change something, the service wants its token."; ; why = "That was not the token.") {
      if (!this.isThere && !(await this.ask(why))) return { ok: false, why: "Nothing was done: no token was given." };
      let response;
      try {
        const headers = { ...this.headers(), "Content-Type": "application/json" };
        const sent = {
          method: "POST",
          headers,
          body: JSON.stringify(body),
          cache: "no-store",
          credentials: "omit",
          redirect: "error",
        };
        response = await fetch(path, { ...sent, signal: AbortSignal.timeout(15_000) });
      } catch {
        return { ok: false, why: "The service cannot be reached. It is not known whether it was done." };
      }
      if (response.ok) return { ok: true, body: await response.json().catch(() => ({})) };
      if (response.status !== 401) return { ok: false, why: await refusal(response) };
      this.forget();
    }
  }
}

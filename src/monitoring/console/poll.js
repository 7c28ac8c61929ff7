// Asks the service what changed, again and again while somebody looks, and says when the last answer came.

/** How often is asked, in milliseconds, until the service says it. */
const EVERY = 2_000;
/** How long an answer may take. */
const PATIENCE = 8_000;
/** An answer that is older than this is no longer what is true now. */
export const STALE = 6_000;

/** Calls `changed` with the new sections, `told` after each answer or failure, and `lockedOut` where a token is missing or wrong. */
export class Poll {
  #cursor = "";
  #etag = "";
  #timer = 0;
  #asking = false;
  #again = false;

  constructor({ token, changed, told, lockedOut }) {
    Object.assign(this, { token, changed, told, lockedOut });
    /** When the last answer came, by `performance.now()`. */
    this.heard = null;
    this.failure = "";
    this.failed = 0;
    this.every = EVERY;
    this.locked = false;
    this.paused = false;
    document.addEventListener("visibilitychange", () => this.seen());
  }

  start() {
    this.seen();
  }

  /** How old is what is shown, in milliseconds. `null` before the first answer. */
  age() {
    return this.heard === null ? null : performance.now() - this.heard;
  }

  /** Asks at once: somebody has changed something, or has given the token. */
  now() {
    clearTimeout(this.#timer);
    if (this.#asking) this.#again = true;
    else if (!this.paused) this.#ask();
  }

  seen() {
    this.paused = document.hidden;
    clearTimeout(this.#timer);
    if (!this.paused) this.now();
    this.told();
  }

  async #ask() {
    this.#asking = true;
    try {
      await this.#once();
      this.failure = "";
      this.failed = 0;
    } catch (error) {
      this.failed += 1;
      this.failure = error.sentence || (error.name === "TimeoutError" ? "It gave no answer in time." : "It cannot be reached.");
    }
    this.#asking = false;
    this.told();
    const wait = this.#again ? 0 : this.every;
    this.#again = false;
    if (!this.paused) this.#timer = setTimeout(() => this.now(), wait);
  }

  async #once() {
    const headers = this.token.headers();
    if (this.#etag) headers["If-None-Match"] = this.#etag;
    const address = this.#cursor ? `console.json?since=${encodeURIComponent(this.#cursor)}` : "console.json";
    const response = await fetch(address, {
      headers,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
    this.locked = response.status === 401;
    if (response.status === 304) {
      this.heard = performance.now();
      return;
    }
    if (this.locked) {
      // An answer to a question from before the token was given says nothing of it.
      if (headers.Authorization === this.token.headers().Authorization) this.lockedOut();
      throw sentence("The service shows its numbers only with its token.");
    }
    if (!response.ok) throw sentence(await refusal(response));
    const answer = await response.json();
    this.#etag = response.headers.get("ETag") || "";
    this.#cursor = answer.cursor || "";
    this.heard = performance.now();
    this.changed(answer);
  }
}

function sentence(text) {
  return Object.assign(new Error(text), { sentence: text });
}

/** The sentence of an error of the API. */
export async function refusal(response) {
  try {
    const { error } = await response.json();
    if (typeof error === "string") return `It answers ${response.status}: ${error}`;
  } catch {
    // It is no answer of the API, such as one of a proxy.
  }
  return `It answers ${response.status}.`;
}

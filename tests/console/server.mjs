// Serves the files of the console and the answers of a made-up service, as the monitoring API would.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

import { details, quiet } from "./fixtures.mjs";

const FOLDER = new URL("../../src/monitoring/console/", import.meta.url);
const KINDS = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};
const SHELL =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
const COMMON = {
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** A service. `say` is its answer and may be replaced at any time; `token` locks it; `refuses` makes it answer 503. */
export class MockService {
  constructor({ base = "/api/v1/monitoring", say = quiet(), token = null } = {}) {
    Object.assign(this, { base, say, token });
    this.requests = [];
    this.orders = [];
    this.refuses = false;
    this.server = createServer((request, response) => this.#answer(request, response));
  }

  async start(port = 0) {
    await new Promise((resolve) => this.server.listen(port, "127.0.0.1", resolve));
    this.port = this.server.address().port;
    return `http://127.0.0.1:${this.port}${this.base}/`;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #answer(request, response) {
    const url = new URL(request.url, "http://mock");
    const path = url.pathname.startsWith(this.base) ? url.pathname.slice(this.base.length) : null;
    this.requests.push({ method: request.method, url: request.url, headers: request.headers });
    const file = path === "/" ? "index.html" : /^\/console\/([a-z]+\.(?:js|css|svg))$/.exec(path)?.[1];
    if (file) return this.#file(file, request, response);
    const json = (status, value, headers = {}) => {
      response.writeHead(status, {
        ...COMMON,
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        ...headers,
      });
      response.end(JSON.stringify(value));
    };
    if (path === "") return response.writeHead(308, { ...COMMON, Location: `${this.base.split("/").at(-1)}/` }).end();
    if (
      this.token !== null &&
      request.headers.authorization !== `Bearer ${this.token}` &&
      (this.say.service.access === "token" || request.method === "POST")
    )
      return json(401, { error: "the token is wrong or missing" });
    if (this.refuses) return json(503, { error: "it cannot be done now" });
    if (request.method === "POST") return this.#order(request, path, json);
    if (path === "/console.json") return this.#changes(url, request, json);
    if (path === "/console/endpoint.json") return json(200, details(this.say, Object.fromEntries(url.searchParams)));
    return json(404, { error: "there is nothing at this path" });
  }

  /** Sends what differs from the answer with that cursor, by section. */
  #changes(url, request, json) {
    const etag = `"${this.say.cursor}"`;
    if (request.headers["if-none-match"] === etag && url.searchParams.get("since") === this.say.cursor)
      return json(304, {}, { ETag: etag });
    const since = url.searchParams.get("since");
    const known = since && this.sent?.get(since);
    this.sent ??= new Map();
    this.sent.set(this.say.cursor, this.say);
    const entries = Object.entries(this.say).filter(([name, value]) => !known || known[name] !== value);
    return json(
      200,
      { ...Object.fromEntries(entries), cursor: this.say.cursor, whole: !known, timestamp: this.say.timestamp },
      { ETag: etag },
    );
  }

  async #file(name, request, response) {
    const text = await readFile(new URL(name, FOLDER)).catch(() => null);
    if (text === null) return response.writeHead(404, COMMON).end();
    const etag = `"${createHash("sha256").update(text).digest("hex").slice(0, 32)}"`;
    const headers = {
      ...COMMON,
      "Content-Type": KINDS[name.split(".")[1]],
      "Cache-Control": "no-cache",
      ETag: etag,
      "Content-Security-Policy": SHELL,
      "Cross-Origin-Opener-Policy": "same-origin",
    };
    return request.headers["if-none-match"] === etag
      ? response.writeHead(304, headers).end()
      : response.writeHead(200, headers).end(text);
  }

  async #order(request, path, json) {
    let text = "";
    for await (const part of request) text += part;
    const body = JSON.parse(text);
    this.orders.push({ path, body, headers: request.headers });
    if (path === "/evaluate")
      return json(200, { evaluated: true, triggered_alerts_count: 4, triggered_alerts: [], timestamp: this.say.timestamp });
    if (path === "/silences") return json(201, { id: 8, ...body, from: this.say.timestamp, until: this.say.timestamp });
    if (/^\/silences\/\d+\/end$/.test(path)) return json(200, { ended: true, id: 7 });
    if (/^\/alerts\/[0-9a-f]{16}\/ack$/.test(path)) return json(200, { acknowledged_by: body.by });
    return json(404, { error: "there is nothing at this path" });
  }
}

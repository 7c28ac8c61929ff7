// Opens the page of a real service, and compares it with what its API and its metrics say.
//
// `CONFORMANCE` is the program `conformance-server`, an example of the package of tests. `CONSOLE_URL` is the page of any other service that runs,
// such as that of `cargo run --example console`, and `CONSOLE_TOKEN` its token, if it needs one.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { test } from "node:test";

import { open, settled, stage } from "./browser.mjs";

const { CONFORMANCE, CONSOLE_TOKEN, CONSOLE_URL } = process.env;
const TOKEN = "a-token-of-the-tests";
const BASE = "/api/v1/monitoring";
const NEEDS = !CONFORMANCE && "needs CONFORMANCE, the program of the conformance server";

const { browser } = stage();

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A conformance server with the console. */
async function start(more = {}) {
  const [app, admin] = [await freePort(), await freePort()];
  const env = {
    PATH: process.env.PATH,
    ADDR: `127.0.0.1:${app}`,
    ADMIN_ADDR: `127.0.0.1:${admin}`,
    MONITORING_TOKEN: TOKEN,
    SERVICE_NAME: "shop",
    APP_VERSION: "1.2.3",
    ...more,
  };
  const child = spawn(CONFORMANCE, { env, stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const stop = () => {
    child.kill("SIGKILL");
    return ended;
  };
  const [service, api] = [`http://127.0.0.1:${app}`, `http://127.0.0.1:${admin}`];
  for (let left = 100; ; left -= 1) {
    if (
      await fetch(`${api}/metrics`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      break;
    if (left === 0 || child.exitCode !== null) {
      child.kill("SIGKILL");
      throw new Error("the conformance server did not start");
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { service, api, url: `${api}${BASE}/`, stop };
}

const authorized = { headers: { Authorization: `Bearer ${TOKEN}` } };
const read = async (url) => (await fetch(url, authorized)).json();

async function unlocked(url, token, more = {}) {
  const page = await open(browser(), url, { wait: false, allowed: /401|ERR_|Failed to load/, ...more });
  if (token) {
    await page.locator("#token-input").waitFor({ state: "visible" });
    await page.fill("#token-input", token);
    await page.keyboard.press("Enter");
  }
  await page.waitForSelector('body[data-live="live"]', { timeout: 20_000 });
  await settled(page);
  return page;
}

test("the numbers of the page are those of the API and of the metrics", { skip: NEEDS }, async () => {
  const server = await start();
  try {
    const load = [
      ["/full", 37],
      ["/err?status=503", 5],
      ["/users/7", 11],
    ];
    for (const [path, times] of load)
      for (let one = 0; one < times; one += 1) await (await fetch(server.service + path)).arrayBuffer();
    const page = await unlocked(server.url, TOKEN);
    const cell = (name, column) =>
      page
        .locator(`#endpoints tbody tr:has(.opener:text-is("▸${name}")), #endpoints tbody tr:has(.name:text-is("${name}"))`)
        .first()
        .locator(`td:nth-child(${column})`);
    await page.waitForFunction(() => document.querySelectorAll("#endpoints tbody tr").length >= 3, undefined, {
      timeout: 30_000,
    });
    const { endpoints } = await read(`${server.api}${BASE}/endpoints?window=5m`);
    const metrics = await (await fetch(`${server.api}/metrics`)).text();
    for (const [name, requests, share] of [
      ["GET /full", 37, 0],
      ["GET /err", 5, 1],
      ["GET /users/{id}", 11, 0],
    ]) {
      const [method, route] = name.split(" ");
      const api = endpoints.find((one) => one.method === method && one.endpoint === route);
      assert.equal(Number(await cell(name, 2).getAttribute("data-value")), requests, name);
      assert.equal(api.requests, requests, name);
      assert.equal(Number(await cell(name, 3).getAttribute("data-value")), share, name);
      assert.equal(api.error_rate, share, name);
      assert.equal(Number(await cell(name, 5).getAttribute("data-value")), api.p95_ms, name);
      const counted = [...metrics.matchAll(/^http_requests_total\{(.*)\} (\d+)$/gm)].filter(
        ([, labels]) => labels.includes(`method="${method}"`) && labels.includes(`endpoint="${route}"`),
      );
      assert.equal(
        counted.reduce((sum, [, , value]) => sum + Number(value), 0),
        requests,
        name,
      );
    }
    assert.match(await page.locator('#errors table[aria-label="Last failures"]').textContent(), /\/err/);
    assert.deepEqual(await page.faults(), []);
  } finally {
    await server.stop();
  }
});

test("an alert of a real service is shown within two polls, and its end as stale", { skip: NEEDS }, async () => {
  const server = await start({
    MONITORING_EVALUATION_INTERVAL: "200ms",
    MONITORING_ALERT_FOR: "0",
    MONITORING_ALERT_WINDOW: "1m",
    MONITORING_MIN_REQUESTS: "5",
  });
  try {
    const page = await unlocked(server.url, TOKEN);
    assert.equal(await page.locator("#badge-alerts").isVisible(), false);
    for (let one = 0; one < 30; one += 1) await (await fetch(`${server.service}/err?status=500`)).arrayBuffer();
    for (let left = 150; (await read(`${server.api}${BASE}/alerts/active`)).active_alerts_count === 0 && left > 0; left -= 1)
      await new Promise((resolve) => setTimeout(resolve, 100));
    let polls = 0;
    page.on("request", (request) => (polls += request.url().includes("console.json") ? 1 : 0));
    await page.waitForSelector("#alerts tr.alert.critical, #alerts tr.alert.warning", { timeout: 20_000 });
    assert.ok(polls <= 2, `${polls}`);
    await page.click('#alerts button[aria-label="Acknowledge high_error_rate"]');
    await page.fill("#ack-by", "ada");
    await page.click("#ack-form button[type=submit]");
    await page.waitForFunction(
      () => document.querySelector("#situation").textContent.includes("acknowledged by ada"),
      undefined,
      { timeout: 10_000 },
    );
    await page.click('#alerts button[aria-label="Silence high_error_rate"]');
    await page.fill("#silence-by", "ada");
    await page.click("#silence-form button[type=submit]");
    await page.waitForSelector('#alerts table[aria-label="Silences"] tbody tr', { timeout: 10_000 });
    await page.click('#alerts button:has-text("Evaluate now")');
    await page.waitForFunction(() => document.querySelector("#said").textContent.startsWith("Evaluated"), undefined, {
      timeout: 10_000,
    });
    const requests = await page.innerText('[data-key="requests_per_second"]');
    await server.stop();
    await page.waitForSelector('body[data-live="stale"]', { timeout: 15_000 });
    assert.notEqual(requests, "–");
    assert.notEqual(await page.innerText('[data-key="requests_per_second"]'), "–");
    assert.deepEqual(await page.faults(), []);
  } finally {
    await server.stop();
  }
});

test(
  "the page of a service that runs has no fault",
  { skip: !CONSOLE_URL && "needs CONSOLE_URL, the address of a console" },
  async () => {
    for (const scheme of ["light", "dark"]) {
      const page = await unlocked(CONSOLE_URL, CONSOLE_TOKEN, { scheme });
      await page.waitForFunction(() => document.querySelectorAll("#endpoints tbody tr").length > 0, undefined, {
        timeout: 30_000,
      });
      await page.locator("#endpoints .opener").first().click();
      await page.waitForSelector("#endpoints .small-list");
      assert.deepEqual(await page.faults(), []);
    }
  },
);

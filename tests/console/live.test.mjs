// Holds the page to what it says of a service that lives, changes, stops and comes back.

import assert from "node:assert/strict";
import { test } from "node:test";

import { open, POLL, readable, settled, stage } from "./browser.mjs";
import { empty, quiet, trouble } from "./fixtures.mjs";

const { serve, browser } = stage();

test("a quiet service is shown without an error, a violation or a request elsewhere", async () => {
  const { url } = await serve(readable(quiet()));
  const page = await open(browser(), url);
  assert.match(await page.innerText(".verdict"), /Quiet/);
  assert.equal(await page.getAttribute('[data-key="requests_per_second"]', "data-value"), "16.2333");
  assert.equal(await page.innerText('[data-key="p95_ms"]'), "104 ms");
  assert.deepEqual(await page.faults(), []);
  assert.equal(await page.title(), "shop");
});

test("it works below any path, also without the slash at its end", async () => {
  const service = await serve(readable(quiet()), { base: "/some/prefix/api/v1/monitoring" });
  for (const address of [service.url, service.url.replace(/\/$/, "")]) {
    const page = await open(browser(), address);
    await page.click("#endpoints .opener");
    await page.waitForSelector("#endpoints .small-list");
    await page.waitForRequest(/since=/);
    assert.deepEqual(await page.faults(), []);
    await page.close();
  }
  assert.ok(service.requests.every(({ url }) => url.startsWith("/some/prefix/api/v1/monitoring")));
});

test("an alert that fires is shown within two polls", async () => {
  const service = await serve(readable(quiet()));
  const page = await open(browser(), service.url);
  const asked = () => service.requests.filter(({ url }) => url.includes("console.json")).length;
  const before = asked();
  service.say = readable(trouble());
  await page.waitForSelector("#alert-1f2e3d4c5b6a7980", { timeout: 5 * POLL });
  assert.ok(asked() - before <= 2, `${asked() - before}`);
  assert.match(await page.title(), /^\(4 firing\)/);
  assert.match(await page.innerText(".verdict"), /Trouble/);
  assert.equal(await page.innerText("#badge-alerts"), "4");
});

test("a service that stops is stale and keeps its last numbers", async () => {
  const service = await serve(readable(quiet()));
  const page = await open(browser(), service.url, { allowed: /ERR_|Failed to load/ });
  await service.stop();
  await page.waitForSelector('body[data-live="stale"]', { timeout: 12_000 });
  assert.match(await page.innerText("#live"), /Stale, \d+ s old/);
  assert.match(await page.innerText("#trouble"), /cannot be reached.*No answer since/s);
  assert.equal(await page.innerText('[data-key="requests_per_second"]'), "16.2");
  assert.match(await page.innerText(".verdict"), /^Unknown\s+the service does not answer; before that: Quiet/);
  assert.equal(await page.title(), "(stale) shop");
  await service.start(service.port);
  await page.waitForSelector('body[data-live="live"]', { timeout: 12_000 });
  assert.equal(await page.isVisible("#trouble"), false);
});

test("while nothing changes an answer of 304 keeps the page live", async () => {
  const service = await serve(readable(quiet()));
  const page = await open(browser(), service.url);
  await page.waitForTimeout(3.5 * POLL);
  assert.equal(await page.getAttribute("body", "data-live"), "live");
  const last = service.requests.filter(({ url }) => url.includes("console.json")).at(-1);
  assert.equal(last.headers["if-none-match"], `"${service.say.cursor}"`);
  assert.match(last.url, /since=/);
});

test("a hidden tab asks for nothing", async () => {
  const service = await serve(readable(quiet()));
  const page = await open(browser(), service.url);
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.waitForTimeout(300);
  const before = service.requests.length;
  await page.waitForTimeout(2 * POLL);
  assert.equal(service.requests.length, before);
  await page.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.waitForTimeout(300);
  assert.ok(service.requests.length > before);
});

test("what was not observed is a gap, and an empty service has no zero that nobody counted", async () => {
  const troubled = await open(browser(), (await serve(readable(trouble()))).url);
  const [chart] = await troubled.locator("#numbers .chart").all();
  assert.equal(await chart.locator(".gap").count(), 1);
  assert.equal((await chart.locator(".line:not(.legend *)").last().getAttribute("d")).match(/M/g).length, 2);
  const page = await open(browser(), (await serve(empty())).url, { wait: false });
  await page.waitForSelector('body[data-live="live"]');
  await settled(page);
  assert.match(await page.innerText(".verdict"), /^Unwatched/);
  for (const key of ["requests_per_second", "error_rate", "p50_ms", "p95_ms", "p99_ms"])
    assert.equal(await page.innerText(`[data-key="${key}"]`), "–");
});

test("a link to an alert leads to its row, before and after the page is open", async () => {
  const { url } = await serve(readable(trouble()));
  const page = await open(browser(), `${url}#alert=99aabbccddeeff00`);
  await page.waitForSelector("#alert-99aabbccddeeff00.linked");
  await page.waitForFunction(() => {
    const box = document.querySelector(".linked").getBoundingClientRect();
    return box.top > 0 && box.bottom < innerHeight;
  });
  await page.click('.situation a[href="#alert=1f2e3d4c5b6a7980"]');
  await page.waitForSelector("#alert-1f2e3d4c5b6a7980.linked");
  await page.evaluate(() => (location.hash = "#alert=0000000000000000"));
  await page.waitForFunction(() => document.querySelector("#said").textContent.includes("does not fire any more"));
});

test("a part that cannot be shown keeps no other from being shown, then and later", async () => {
  const say = readable(quiet());
  const service = await serve({ ...say, alerts: { ...say.alerts, rules: [null] } });
  const page = await open(browser(), service.url);
  assert.equal(await page.locator("#endpoints tbody tr").count(), 10);
  service.say = { ...readable(trouble()), alerts: service.say.alerts };
  await page.waitForFunction(() => document.querySelector("#health").textContent.includes("unhealthy"));
  assert.match((await page.faults())[0], /^error: /);
});

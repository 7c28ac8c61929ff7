// Uses the page with mouse and keyboard, as a person on call does.

import assert from "node:assert/strict";
import { test } from "node:test";

import { open, readable, settled, stage } from "./browser.mjs";
import { large, trouble } from "./fixtures.mjs";

const { serve, browser } = stage();

const texts = (page, selector) => page.locator(selector).allInnerTexts();

test("a sorted table is in order, and a filter says how many fit", async () => {
  const { url } = await serve(readable(large()));
  const page = await open(browser(), url);
  await page.click('#endpoints thead button:has-text("p95")');
  const values = await page
    .locator("#endpoints tbody tr td:nth-child(5)")
    .evaluateAll((all) => all.map((one) => Number(one.dataset.value)));
  assert.deepEqual(
    values,
    [...values].sort((one, other) => other - one),
  );
  assert.equal(await page.getAttribute('#endpoints thead th:has-text("p95")', "aria-sort"), "descending");
  await page.fill("#endpoints input", "resource-77/");
  await page.waitForFunction(() => document.querySelectorAll("#endpoints tbody tr").length === 1);
  assert.match(await page.innerText("#endpoints .found"), /^1 \(of 2,000\) found$/);
  await page.fill('#alerts input[aria-label="Filter alerts"]', "resource-778");
  await page.waitForFunction(() => document.querySelectorAll("#alerts tbody tr.alert").length === 1);
  assert.equal(await page.isVisible('#alerts input[aria-label="Filter rules"]'), false);
  await page.fill("#endpoints input", "no such thing");
  await page.waitForSelector("#endpoints .nothing:not([hidden])");
});

test("an endpoint opens its own charts over three times", async () => {
  const service = await serve(readable(trouble()));
  const page = await open(browser(), service.url);
  await page.click('#endpoints .opener:has-text("POST /orders")');
  await page.waitForSelector("#endpoints .small-list");
  for (const window of ["15m", "24h", "1h"]) {
    await page.click(`#endpoints button[data-window="${window}"]`);
    await page.waitForFunction(
      (one) => document.querySelector(`button[data-window="${one}"]`).getAttribute("aria-pressed") === "true",
      window,
    );
  }
  const asked = service.requests
    .filter(({ url }) => url.includes("endpoint.json"))
    .map(({ url }) => new URL(url, "http://mock").searchParams);
  assert.ok(
    ["15m", "1h", "24h"].every((window) =>
      asked.some((one) => one.get("window") === window && one.get("endpoint") === "/orders"),
    ),
  );
  assert.match(await page.innerText("#endpoints .lists"), /critical from\s+2 s/);
});

test("each chart is read with the keyboard and has a table", async () => {
  const { url } = await serve(readable(trouble()));
  const page = await open(browser(), url);
  const plot = page.locator("#numbers .plot").first();
  await plot.focus();
  const told = () => plot.getAttribute("aria-valuetext");
  const last = await told();
  await page.keyboard.press("ArrowLeft");
  assert.notEqual(await told(), last);
  await page.keyboard.press("Home");
  assert.equal(await plot.getAttribute("aria-valuenow"), "0");
  for (let step = 0; step < 17; step += 1) await page.keyboard.press("ArrowRight");
  assert.match(await told(), /no data/);
  const all = [];
  for (let step = 0; step < 60; step += 1) {
    all.push(await told());
    await page.keyboard.press("ArrowRight");
  }
  assert.ok(all.some((one) => one.includes("deployed 2.8.0")));
  await page.locator("#numbers summary").first().focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector("#numbers .numbers-table table");
  assert.equal(await page.locator("#numbers .numbers-table tbody tr").count(), 60);
});

test("the keyboard alone reaches everything that can be used", async () => {
  const { url } = await serve(readable(trouble()));
  const page = await open(browser(), url);
  const wanted = await page.evaluate(
    () =>
      [...document.querySelectorAll("button, a[href], input, select, summary, [tabindex='0']")].filter(
        (one) => one.checkVisibility() && !one.disabled,
      ).length,
  );
  const reached = new Set();
  for (let step = 0; step < wanted + 20; step += 1) {
    await page.keyboard.press("Tab");
    reached.add(
      await page.evaluate(() => {
        window.marks ??= new WeakMap();
        window.count ??= 0;
        const { activeElement } = document;
        if (!window.marks.has(activeElement)) window.marks.set(activeElement, (window.count += 1));
        return window.marks.get(activeElement);
      }),
    );
  }
  assert.ok(reached.size >= wanted, `${reached.size} of ${wanted}`);
});

test("times are those of UTC, or those of the browser", async () => {
  const { url } = await serve(readable(trouble()));
  const page = await open(browser(), url, { timezoneId: "Asia/Tokyo" });
  const [before] = await texts(page, '#errors table[aria-label="Last failures"] tbody th');
  await page.click("#zone");
  await page.waitForFunction(
    (one) => document.querySelector('#errors table[aria-label="Last failures"] tbody th').textContent !== one,
    before,
  );
  const [later] = await texts(page, '#errors table[aria-label="Last failures"] tbody th');
  const hour = (text) => Number(/(\d+):\d+:\d+$/.exec(text)[1]);
  assert.equal((hour(before) + 9) % 24, hour(later));
  assert.equal(await page.innerText("#zone"), "Local time");
});

test("what nobody knows of a check is counted as trouble, and severities are in their order", async () => {
  const say = trouble();
  const checks = say.health.checks.map((check) => ({ ...check, status: "healthy" }));
  checks[0] = { ...checks[0], status: "unknown", role: "critical" };
  const left_out = { no_data: 1_203 };
  const severities = ["info", "critical", "warning"];
  const rules = say.alerts.rules.slice(0, 3).map((rule, index) => ({ ...rule, severity: severities[index] }));
  const { url } = await serve(
    readable({
      ...say,
      health: { ...say.health, status: "unknown", checks },
      alerts: { ...say.alerts, rules, left_out },
      history: { ...say.history, history_count: say.history.history.length + 7 },
    }),
  );
  const page = await open(browser(), url);
  assert.match(await page.innerText("#situation .verdict"), /Trouble.*nobody knows whether the service is healthy/s);
  assert.equal(await page.innerText("#badge-health"), "1");
  assert.equal(await page.locator("#health tbody tr").first().locator(".status.bad").count(), 1);
  assert.match(await page.innerText("#alerts .part-head .note"), /; 1,203 more have no room here$/);
  assert.equal(await page.innerText("#alerts .two .note:visible"), "7 older ones have no room here");
  const table = '#alerts table[aria-label="Rules"]';
  await page.click(`${table} thead button:has-text("Severity")`);
  assert.deepEqual(await texts(page, `${table} tbody tr > :nth-child(3)`), ["critical", "warning", "info"]);
});

test("the summary says what a colleague asks first", async () => {
  const { url } = await serve(readable(trouble()));
  const page = await open(browser(), `${url}#alert=99aabbccddeeff00`);
  await page.click("#summary-open");
  const text = await page.inputValue("#summary-text");
  for (const part of [
    "shop 2.8.0 (production), instance shop-6d9f7c5b48-x2kzq only",
    "Trouble: 4 alerts fire",
    "acknowledged by ada",
    "Health: database (critical) is unhealthy",
    "database at /orders: 214 (before: 3)",
    "Last deployment: 2.8.0",
    "Not delivering: pagerduty",
    url,
  ])
    assert.ok(text.includes(part), `${part}\n${text}`);
});

test("what is copied is the whole request id", async () => {
  const say = readable(trouble());
  const page = await open(browser(), (await serve(say)).url, { permissions: ["clipboard-read", "clipboard-write"] });
  await page.locator('#errors button:has-text("Copy")').first().click();
  await page.waitForFunction(() => document.querySelector("#said").textContent.startsWith("Copied"));
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), say.failures.failures[0].request_id);
});

test("a row that somebody points at stays where it is", async () => {
  const service = await serve(readable(large()));
  const page = await open(browser(), service.url);
  const first = () => page.locator("#endpoints tbody tr th").first().innerText();
  await page.locator("#endpoints tbody tr").first().hover();
  const name = await first();
  service.say = readable(large(Date.now(), 1));
  await page.waitForResponse((response) => response.url().includes("console.json") && response.status() === 200);
  await settled(page);
  assert.equal(await first(), name);
  await page.mouse.move(5, 5);
  service.say = readable(large(Date.now(), 2));
  await page.waitForFunction((one) => document.querySelector("#endpoints tbody tr th").innerText !== one, name);
});

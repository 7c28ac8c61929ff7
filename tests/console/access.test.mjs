// Holds the page to what it does with the token and with orders.

import assert from "node:assert/strict";
import { test } from "node:test";

import { open, POLL, readable, stage } from "./browser.mjs";
import { quiet, trouble } from "./fixtures.mjs";

const { serve, browser } = stage();

test("the numbers ask for the token in a form, and it goes nowhere but into the header", async () => {
  const service = await serve(quiet(), { token: "s3cret-token" });
  const page = await open(browser(), service.url, { wait: false, allowed: /401/ });
  const input = page.locator("#token-input");
  await input.waitFor({ state: "visible" });
  assert.equal(await input.getAttribute("type"), "password");
  assert.equal(await input.getAttribute("autocomplete"), "current-password");
  await input.fill("wrong");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#token-why").textContent.includes("not the token"));
  await input.fill("s3cret-token");
  await page.keyboard.press("Enter");
  await page.waitForSelector('body[data-live="live"] #inside .group:not([hidden])');
  assert.equal(service.requests.at(-1).headers.authorization, "Bearer s3cret-token");
  assert.ok(service.requests.every(({ url }) => !url.includes("s3cret")));
  assert.ok(service.requests.every(({ headers }) => headers.cookie === undefined));
  const kept = await page.evaluate(() =>
    [
      JSON.stringify(localStorage),
      JSON.stringify(sessionStorage),
      document.cookie,
      location.href,
      document.documentElement.outerHTML,
      document.querySelector("#token-input").value,
    ].join(),
  );
  assert.ok(!kept.includes("s3cret"));
  await page.reload();
  await input.waitFor({ state: "visible" });
});

test("somebody who gives no token is asked no more, and sees why nothing is shown", async () => {
  const service = await serve(quiet(), { token: "s3cret-token" });
  const page = await open(browser(), service.url, { wait: false, allowed: /401/ });
  await page.locator("#token-input").waitFor({ state: "visible" });
  await page.keyboard.press("Escape");
  await page.waitForSelector("#trouble:not([hidden])");
  assert.match(await page.innerText("#trouble"), /only with its token/);
  assert.equal(await page.innerText("#live"), "Locked");
  await page.waitForTimeout(1.5 * POLL);
  assert.equal(await page.isVisible("#token-dialog"), false);
});

test("a person evaluates, acknowledges, silences and ends a silence", async () => {
  const service = await serve(readable(trouble()), { token: "s3cret-token" });
  const page = await open(browser(), service.url);
  await page.click('button:has-text("Evaluate now")');
  await page.fill("#token-input", "s3cret-token");
  await page.click("#token-form button[type=submit]");
  await page.waitForFunction(() => document.querySelector("#said").textContent.includes("4 alerts firing"));
  await page.click('button[aria-label="Acknowledge high_error_rate"]');
  await page.fill("#ack-by", "grace");
  await page.click("#ack-form button[type=submit]");
  await page.waitForFunction(() => document.querySelector("#said").textContent.includes("Acknowledged high_error_rate by grace"));
  await page.click('button[aria-label="Silence circuit_breaker_open"]');
  assert.equal(await page.inputValue("#silence-by"), "grace");
  await page.selectOption("#silence-lasts", "2h");
  await page.click("#silence-form button[type=submit]");
  await page.waitForFunction(() => document.querySelector("#said").textContent.includes("Silenced until"));
  await page.click('button[aria-label="End silence 7"]');
  await page.waitForFunction(() => document.querySelector("#said").textContent.includes("has ended"));
  assert.deepEqual(
    service.orders.map(({ path, body }) => [path, body]),
    [
      ["/evaluate", {}],
      ["/alerts/1f2e3d4c5b6a7980/ack", { by: "grace" }],
      ["/silences", { labels: { alert: "circuit_breaker_open", circuit: "payments" }, lasts: "2h", by: "grace", comment: "" }],
      ["/silences/7/end", {}],
    ],
  );
  assert.ok(
    service.orders.every(
      ({ headers }) =>
        headers.authorization === "Bearer s3cret-token" &&
        headers["sec-fetch-site"] === "same-origin" &&
        headers["content-type"] === "application/json",
    ),
  );
});

test("a wrong token for an order is asked for again, and a refusal is shown", async () => {
  const service = await serve(readable(trouble()), { token: "s3cret-token" });
  const page = await open(browser(), service.url, { allowed: /401|503/ });
  // By the keyboard: what is drawn above can move the button from under a mouse.
  await page.press('button:has-text("Evaluate now")', "Enter");
  await page.fill("#token-input", "wrong");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#token-why").textContent.includes("not the token"));
  service.refuses = true;
  await page.fill("#token-input", "s3cret-token");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#said").textContent.includes("it cannot be done now"));
  assert.equal(service.orders.length, 0);
});

test("without a token of the service the buttons are off", async () => {
  const say = readable(trouble());
  say.service = { ...say.service, may_change: false };
  const page = await open(browser(), (await serve(say)).url);
  const states = await page.locator("button[data-changes]").evaluateAll((all) => all.map((one) => one.disabled));
  assert.ok(states.length > 5 && states.every(Boolean));
  assert.match(await page.innerText("#alerts"), /Buttons are off/);
  assert.equal(await page.isVisible("#token-open"), false);
});

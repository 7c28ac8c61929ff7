// Looks at the page in light and dark, wide and narrow, as axe and a reader see it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

import { open, readable, settled, stage } from "./browser.mjs";
import { empty, hostile, quiet, trouble } from "./fixtures.mjs";

const { serve, browser } = stage();

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function violations(page) {
  await page.evaluate(AXE);
  const { violations: found } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return found.map(
    ({ id, nodes }) =>
      `${id}: ${nodes
        .slice(0, 3)
        .map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ""}`)
        .join(" | ")}`,
  );
}

const texts = (page, selector) => page.locator(selector).allInnerTexts();

test("everything of now is above the fold of 1280 by 800", async () => {
  for (const say of [quiet(), trouble()]) {
    const { url } = await serve(readable(say));
    const page = await open(browser(), url);
    const bottom = await page.evaluate(() => document.querySelector(".fold").getBoundingClientRect().bottom);
    assert.ok(bottom <= 800, `${bottom}`);
    for (const title of ["Alerts", "Health", "Stuck requests", "Release", "Notifiers"])
      assert.ok((await texts(page, ".fact dt")).includes(title), title);
  }
});

for (const scheme of ["light", "dark"]) {
  for (const [name, say] of [
    ["quiet", quiet],
    ["trouble", trouble],
    ["empty", empty],
    ["hostile", hostile],
  ]) {
    test(`axe finds nothing in ${scheme}: ${name}`, async () => {
      const { url } = await serve(readable(say()));
      const page = await open(browser(), url, { scheme, wait: name !== "empty" });
      await page.waitForSelector('body[data-live="live"]');
      if (name === "trouble") {
        await page.click("#endpoints .opener");
        await page.waitForSelector("#endpoints .small-list");
        await page.click("#now summary");
      }
      await settled(page);
      assert.deepEqual(await violations(page), []);
      if (name !== "trouble") return;
      await page.click('#alerts button[aria-label^="Silence"]');
      assert.deepEqual(await violations(page), []);
    });
  }
}

test("axe finds nothing on a phone, in the dialogs, and where the service does not answer", async () => {
  const service = await serve(readable(trouble()));
  const page = await open(browser(), service.url, { width: 360, height: 740, allowed: /503/ });
  assert.deepEqual(await violations(page), []);
  for (const id of ["summary-open", "token-open"]) {
    await page.click(`#${id}`);
    assert.deepEqual(await violations(page), [], id);
    await page.keyboard.press("Escape");
  }
  service.refuses = true;
  await page.waitForSelector("#trouble:not([hidden])", { timeout: 12_000 });
  assert.deepEqual(await violations(page), []);
});

test("at 360 pixels nothing is wider than the page", async () => {
  for (const say of [quiet(), trouble(), hostile(), empty()]) {
    const { url } = await serve(readable(say));
    const page = await open(browser(), url, { width: 360, height: 740, wait: false });
    await page.waitForSelector('body[data-live="live"]');
    await settled(page);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(width, 360);
    await page.close();
  }
});

test("the colours can be chosen and are not stored", async () => {
  const { url } = await serve(readable(quiet()));
  const page = await open(browser(), url, { scheme: "light" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.selectOption("#theme", "dark");
  assert.notEqual(await ground(), light);
  await page.reload();
  assert.equal(await ground(), light);
});

// Holds the page to showing every name as text.

import assert from "node:assert/strict";
import { test } from "node:test";

import { open, readable, settled, stage } from "./browser.mjs";
import { HOSTILE, hostile } from "./fixtures.mjs";

const { serve, browser } = stage();

test("hostile names are text, wherever they stand", async () => {
  const { url } = await serve(readable(hostile()));
  const page = await open(browser(), url);
  await page.click('#endpoints .opener:has-text("onerror")');
  await page.waitForSelector("#endpoints .small-list");
  await page.click('#endpoints .opener:has-text("longxxx")');
  await page.waitForFunction(() => document.querySelector("#endpoints").textContent.includes("too long to be asked for"));
  await page.click("#summary-open");
  await page.keyboard.press("Escape");
  await settled(page);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator("main img, main script, main svg[onload]").count(), 0);
  assert.equal(await page.locator('a[href^="javascript:"]').count(), 0);
  for (const section of ["situation", "endpoints", "errors", "health", "alerts", "deployments", "instances", "inside"]) {
    assert.ok((await page.locator(`#${section}`).textContent()).includes(HOSTILE[0]), section);
  }
  const all = await page.evaluate(() => document.body.textContent);
  assert.doesNotMatch(all, /[\u202a-\u202e\u2066-\u2069\u200f\u2028\u0000\u001b]/);
  assert.ok(all.includes("(10,240 characters)"));
  assert.deepEqual(await page.faults(), []);
});

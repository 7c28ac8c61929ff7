// Measures in the browser that the page is quick, also with very many rows.

import assert from "node:assert/strict";
import { test } from "node:test";

import { open, readable, settled, stage } from "./browser.mjs";
import { large, quiet } from "./fixtures.mjs";

const { serve, browser } = stage();

test("the script works for less than 300 ms until a quiet service is shown", async () => {
  const { url } = await serve(readable(quiet()));
  const times = [];
  for (let round = 0; round < 3; round += 1) {
    const page = await browser().newPage();
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    await page.goto(url);
    await page.waitForSelector("#inside .group:not([hidden])");
    await settled(page);
    const { metrics } = await session.send("Performance.getMetrics");
    times.push(metrics.find(({ name }) => name === "ScriptDuration").value * 1000);
    await page.close();
  }
  console.log(`# script time: ${times.map((one) => one.toFixed(0)).join(", ")} ms`);
  assert.ok(Math.min(...times) < 300, `${times}`);
});

test("two thousand endpoints sort and filter by pages of a hundred, and no task is long", async () => {
  const rounds = [];
  for (let round = 0; round < 5; round += 1) {
    const service = await serve(readable(large()));
    const page = await open(browser(), service.url);
    const table = page.locator("#endpoints table").first();
    assert.equal(await table.getAttribute("aria-rowcount"), "2001");
    assert.equal(await page.locator("#endpoints tbody tr").count(), 100);
    await page.evaluate(() => (window.longTasks.length = 0));
    for (const head of ["Endpoint", "p95", "Errors", "Requests"]) {
      await page.click(`#endpoints thead button:has-text("${head}")`);
      await settled(page);
    }
    await page.fill("#endpoints input", "tenant-7/");
    await settled(page);
    await page.fill("#endpoints input", "");
    await settled(page);
    await page.click('#endpoints .pages button:has-text("Next")');
    assert.equal(await page.locator("#endpoints tbody tr").first().getAttribute("aria-rowindex"), "102");
    await page.fill('#alerts input[aria-label="Filter history"]', "resource-77");
    await settled(page);
    await page.click('#alerts .table:has(table[aria-label="History"]) thead button:has-text("Lasted")');
    await settled(page);
    const longest = Math.max(0, ...(await page.evaluate(() => window.longTasks)));
    rounds.push(longest);
    await page.context().close();
    await service.stop();
    // A machine with other work has long tasks now and then: the page is one that can do it without.
    if (longest < 50) break;
  }
  console.log(`# longest task in each round: ${rounds.join(", ")} ms`);
  assert.ok(Math.min(...rounds) < 50, `${rounds}`);
});

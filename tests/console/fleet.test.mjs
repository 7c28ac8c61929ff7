// Holds the part with the instances to what a person on call must see at a glance.

import assert from "node:assert/strict";
import { test } from "node:test";

import { open, readable, settled, stage } from "./browser.mjs";
import { empty, oddFleet, quiet } from "./fixtures.mjs";

const { serve, browser } = stage();

const cells = (page, column) => page.locator(`#instances tbody tr > :nth-child(${column})`).allTextContents();

test("the instance that is slow, lost or set up in another way stands first and says so", async () => {
  const at = Date.now();
  const { url } = await serve(readable({ ...quiet(at), instances: oddFleet(at) }));
  const page = await open(browser(), url);
  assert.deepEqual(await cells(page, 1), ["shop-3", "shop-2", "shop-4", "shop-1", "shop-5", "shop-0"]);
  assert.deepEqual(await cells(page, 2), ["lost", "slow", "other settings", "there", "there", "ended"]);
  assert.deepEqual(await cells(page, 7), ["2.7.1", "2.7.1", "2.7.0", "2.7.1", "2.7.1", "2.7.1"]);
  const slow = page.locator("#instances tbody tr").nth(1);
  assert.equal(await slow.locator("svg.against").getAttribute("aria-label"), "p95 918 ms, 8.81 times that of the others");
  assert.equal(await slow.locator("svg.against .bar.crit").count(), 1);
  assert.equal(await page.locator("#instances tbody tr").nth(3).locator("svg.against .bar.crit").count(), 0);
  assert.equal(await page.innerText("#badge-instances"), "3");
  const note = await page.innerText("#instances .note");
  assert.match(note, /4 instances there; 1 lost; 2 versions: 2\.7\.0, 2\.7\.1; with other thresholds than the others: shop-4/);
  assert.match(await page.innerText("#scope"), /All of them are under Instances/);
  assert.deepEqual(await page.faults(), []);
});

test("an instance that is not healthy stands before slow ones and is counted", async () => {
  const at = Date.now();
  const all = oddFleet(at);
  const instances = all.instances.map((one) => (one.id === "shop-5" ? { ...one, health: "unknown" } : one));
  const { url } = await serve(readable({ ...quiet(at), instances: { ...all, instances } }));
  const page = await open(browser(), url);
  assert.deepEqual((await cells(page, 1)).slice(0, 3), ["shop-3", "shop-5", "shop-2"]);
  assert.deepEqual((await cells(page, 2)).slice(0, 3), ["lost", "not healthy", "slow"]);
  assert.equal(await page.innerText("#badge-instances"), "4");
});

test("a fleet that falls silent is shown as it was, and the page says since when", async () => {
  const at = Date.now();
  const all = { ...oddFleet(at), trouble: "Redis is not reached: connection refused" };
  const service = await serve(readable({ ...quiet(at), instances: all }));
  const page = await open(browser(), service.url);
  await settled(page);
  const told = await page.innerText("#instances .trouble");
  assert.match(told, /^Nothing new is known of other instances: Redis is not reached: connection refused\. What is shown is what was true/);
  assert.equal((await cells(page, 1)).length, 6);
  assert.equal(await page.innerText("#badge-instances"), "!");
  const never = { ...all, read_at: null, instances: [], instances_count: 0 };
  service.say = { ...service.say, cursor: "never", instances: never };
  await page.waitForFunction(() => !document.querySelector("#instances .trouble").textContent.includes("true"));
  assert.equal(await page.locator("#instances tbody tr").count(), 0);
  assert.equal(await page.isVisible("#instances .nothing"), false);
});

test("a service without a fleet has no part for instances", async () => {
  const { url } = await serve(readable(empty()));
  const page = await open(browser(), url, { wait: false });
  await page.waitForSelector('body[data-live="live"]');
  await settled(page);
  assert.equal(await page.isVisible("#instances"), false);
  assert.equal(await page.isVisible("#nav-instances"), false);
  assert.match(await page.innerText("#scope"), /Other instances have numbers and a console of their own/);
});

// Opens the page in Chromium and writes down what must not happen there.

import { after, afterEach, before } from "node:test";

import { chromium } from "playwright-core";

import { MockService } from "./server.mjs";

/** How often the page asks, in milliseconds. */
export const POLL = 2_000;
const PATH = process.env.CHROMIUM || "/usr/bin/chromium";

/** A browser. In a container without user namespaces its sandbox cannot start. */
export const launch = () => chromium.launch({ executablePath: PATH, args: ["--no-sandbox", "--disable-dev-shm-usage"] });

/** Runs in the page before its own script. */
function watch() {
  window.violations = [];
  window.longTasks = [];
  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    window.violations.push(`${violatedDirective} ${blockedURI}`),
  );
  new PerformanceObserver((list) =>
    window.longTasks.push(...list.getEntries().map(({ duration }) => Math.round(duration))),
  ).observe({ type: "longtask", buffered: true });
}

/** Opens an address and waits for the first numbers. `faults()` is everything that must not happen. */
export async function open(
  browser,
  url,
  { scheme = "light", width = 1280, height = 800, wait = true, allowed = /^$/, ...more } = {},
) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, ...more });
  const page = await context.newPage();
  const seen = [];
  const { origin } = new URL(url);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !allowed.test(message.text())) seen.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => seen.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) seen.push(`request: ${request.url()}`);
  });
  await page.addInitScript(watch);
  await page.goto(url);
  if (wait) await page.waitForSelector('body[data-live="live"] #inside .group:not([hidden])', { timeout: 20_000 });
  page.faults = async () => [...seen, ...(await page.evaluate(() => window.violations))];
  return page;
}

/** Waits until the page has drawn what it got. */
export const settled = (page) =>
  page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50))));

/** One browser for all tests of a file, and services that end with each test. */
export function stage() {
  let browser;
  let services = [];
  before(async () => (browser = await launch()));
  after(() => browser.close());
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await Promise.all(services.map((one) => one.stop().catch(() => {})));
    services = [];
  });
  const serve = async (say, more = {}) => {
    const service = new MockService({ say, ...more });
    services.push(service);
    service.url = await service.start();
    return service;
  };
  return { serve, browser: () => browser };
}

/** A service that everybody on its machine may read without a token. */
export const readable = (say) => ({ ...say, service: { ...say.service, access: "loopback" } });

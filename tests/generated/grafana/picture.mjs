// Photographs Prometheus' own graph page: node picture.mjs FOLDER-OF-THE-PACKAGES PROMETHEUS FILE.png QUERY...
// Needs `npm install --no-save playwright-core` in that folder, and Debian's chromium.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [packages, prometheus, file, ...queries] = process.argv.slice(2);
const require = createRequire(join(resolve(packages), "package.json"));
const { chromium } = require("playwright-core");

const page = new URL("/graph", prometheus);
queries.forEach((query, index) => {
  page.searchParams.set(`g${index}.expr`, query);
  // The graph, over five minutes.
  page.searchParams.set(`g${index}.tab`, "0");
  page.searchParams.set(`g${index}.range_input`, "5m");
});
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  const tab = await browser.newPage({ viewport: { width: 1280, height: 400 + 560 * queries.length } });
  await tab.goto(page.href, { waitUntil: "networkidle" });
  // Debian's Prometheus draws by the first of them, newer pages by the second.
  await tab.locator(".rickshaw_graph svg, .graph-chart canvas").nth(queries.length - 1).waitFor();
  for (const said of await tab.locator(".alert-danger").allTextContents()) {
    if (said.trim()) throw new Error(`Prometheus says: ${said}`);
  }
  await tab.screenshot({ path: file, fullPage: true });
} finally {
  await browser.close();
}

// Takes the pictures of the README: a quiet service in light, and one in trouble in dark.
//
// `node shots.mjs FOLDER` writes them there. Without a folder they go into `docs`, and as text into `src/guides/console.md`.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { launch, open, readable, settled } from "./browser.mjs";
import { quiet, trouble } from "./fixtures.mjs";
import { packed } from "./png.mjs";
import { MockService } from "./server.mjs";

const inRepository = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const folder = process.argv[2] || inRepository("docs/");
mkdirSync(folder, { recursive: true });

// The same moment each time, so that the pictures change only if the page does.
const at = Date.UTC(2026, 10, 27, 3, 12, 40);
let rendered = "";
const browser = await launch();
for (const [name, scheme, say] of [
  ["quiet", "light", quiet(at)],
  ["trouble", "dark", trouble(at)],
]) {
  const service = new MockService({ say: readable(say) });
  const page = await open(browser, await service.start(), { scheme, reducedMotion: "reduce" });
  await settled(page);
  const path = join(folder, `console-${name}-${scheme}.png`);
  const picture = packed(await page.screenshot({ animations: "disabled" }));
  writeFileSync(path, picture);
  rendered += `[file:console-${name}]: data:image/png;base64,${picture.toString("base64")}\n`;
  console.log(`${path}: ${Math.round(picture.length / 1024)} KiB`);
  await page.context().close();
  await service.stop();
}
await browser.close();
if (!process.argv[2]) writeFileSync(inRepository("src/guides/console.md"), rendered);

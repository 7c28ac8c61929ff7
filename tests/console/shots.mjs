// Takes the pictures of the README: a quiet service and one in trouble, in light and dark.
//
// `node shots.mjs FOLDER` writes them there; without a folder, into `docs`.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { launch, open, readable, settled } from "./browser.mjs";
import { quiet, trouble } from "./fixtures.mjs";
import { packed } from "./png.mjs";
import { MockService } from "./server.mjs";

const folder = process.argv[2] || fileURLToPath(new URL("../../docs/", import.meta.url));
mkdirSync(folder, { recursive: true });

// The same moment each time, so that the pictures change only if the page does.
const at = Date.UTC(2026, 10, 27, 3, 12, 40);
const browser = await launch();
for (const [name, say] of [
  ["quiet", quiet(at)],
  ["trouble", trouble(at)],
]) {
  for (const scheme of ["light", "dark"]) {
    const service = new MockService({ say: readable(say) });
    const page = await open(browser, await service.start(), { scheme, reducedMotion: "reduce" });
    await settled(page);
    const path = join(folder, `console-${name}-${scheme}.png`);
    const picture = packed(await page.screenshot({ animations: "disabled" }));
    writeFileSync(path, picture);
    console.log(`${path}: ${Math.round(picture.length / 1024)} KiB`);
    await page.context().close();
    await service.stop();
  }
}
await browser.close();

// Reads the files of the console and finds nothing in them that could turn a text into markup or into script.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const FOLDER = new URL("../../src/monitoring/console/", import.meta.url);
const files = readdirSync(FOLDER).filter((name) => /\.(html|css|js|svg)$/.test(name));
const text = (name) => readFileSync(new URL(name, FOLDER), "utf8");
const scripts = files.filter((name) => name.endsWith(".js"));

const FORBIDDEN = [
  /innerHTML/,
  /outerHTML/,
  /insertAdjacentHTML/,
  /setHTMLUnsafe/,
  /\bdocument\s*\.\s*write/,
  /\beval\b/,
  /\bFunction\s*\(/,
  /createContextualFragment/,
  /DOMParser/,
  /srcdoc/i,
  /\bset(?:Timeout|Interval)\(\s*["'`]/,
  /\.cssText/,
  /setAttribute\(\s*["']on/i,
  /setAttribute\(\s*["']style/i,
  /\bimport\(/,
  /localStorage/,
  /sessionStorage/,
  /indexedDB/,
  /document\s*\.\s*cookie/,
  /\bcaches\b/,
  /serviceWorker/,
];

test("no file has a way from a text to markup or script, and none stores anything", () => {
  for (const name of files) for (const word of FORBIDDEN) assert.doesNotMatch(text(name), word, name);
});

test("the page has no inline script, style or handler", () => {
  for (const name of files.filter((one) => /\.(html|svg)$/.test(one))) {
    assert.doesNotMatch(text(name), /\sstyle\s*=/i, name);
    assert.doesNotMatch(text(name), /<style/i, name);
    assert.doesNotMatch(text(name), /<[^>]*\son[a-z]+\s*=/i, name);
    for (const [, attributes, inside] of text(name).matchAll(/<script([^>]*)>([^<]*)/gi)) {
      assert.match(attributes, /\ssrc="console\/[a-z]+\.js"/, name);
      assert.equal(inside.trim(), "", name);
    }
  }
});

test("no file names another origin, or a path from the root", () => {
  for (const name of files) {
    const addresses = [...text(name).matchAll(/(?:https?:)?\/\/[a-z0-9][a-z0-9.-]*/gi)].map(([one]) => one);
    assert.deepEqual(
      addresses.filter((one) => one !== "http://www.w3.org"),
      [],
      name,
    );
    assert.doesNotMatch(text(name), /(?:href|src|fetch\(|url\()\s*=?\s*["'`(]?\//, name);
  }
});

test("all files have less than 150 KB together, and each script is a room of at most 300 lines of code with its purpose", () => {
  const bytes = files.reduce((sum, name) => sum + Buffer.byteLength(text(name)), 0);
  assert.ok(bytes < 150_000, `${bytes} bytes`);
  for (const name of scripts) {
    const lines = text(name).split("\n");
    const code = lines.filter((line) => line.trim() && !/^\s*(?:\/\/|\/?\*)/.test(line));
    assert.match(lines[0], /^\/\/ [A-Z].*\.$/, name);
    assert.ok(code.length <= 300, `${name}: ${code.length} lines`);
  }
});

test("each module that is imported is there, and each one is imported", () => {
  const imported = new Set(["console.js"]);
  for (const name of scripts) for (const [, path] of text(name).matchAll(/from "\.\/([a-z]+\.js)"/g)) imported.add(path);
  assert.deepEqual([...imported].sort(), [...scripts].sort());
});

test("the token is never in an address", () => {
  for (const name of scripts) assert.doesNotMatch(text(name), /[?&](?:token|access_token|key)=/i, name);
  assert.match(text("index.html"), /<input id="token-input" type="password" autocomplete="current-password"/);
  assert.doesNotMatch(/<input id="token-input"[^>]*>/.exec(text("index.html"))[0], /\sname=/);
});

// Makes elements: what they say is always text, and never markup.

const SVG = "http://www.w3.org/2000/svg";

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    } else {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** An element of HTML. `on` has its listeners, by event. Children are nodes or texts. */
export function el(name, attributes, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** An element of SVG. */
export function svg(name, attributes, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

export const byId = (id) => document.getElementById(id);

/** Sets a text only where it differs, so that a selection and a screen reader are left alone. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A button. */
export function button(label, click, attributes) {
  return el("button", { type: "button", ...attributes, on: { click } }, label);
}

/** A link, if the address is one of the web. Any other one stays a text, as `told` puts it: it could be `javascript:`. */
export function link(address, label, told) {
  let url = null;
  try {
    url = new URL(address);
  } catch {
    url = null;
  }
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) return el("span", {}, told(address));
  return el("a", { href: url.href, rel: "noreferrer noopener", target: "_blank" }, label);
}

const SHAPES = {
  good: ["circle", { cx: 6, cy: 6, r: 4.5 }],
  warn: ["path", { d: "M6 1 11.5 11H.5z" }],
  bad: ["path", { d: "M3.6 .5h4.8L11.5 3.6v4.8L8.4 11.5H3.6L.5 8.4V3.6z" }],
  wait: ["path", { d: "M6 .5 11.5 6 6 11.5 .5 6z" }],
  none: ["circle", { cx: 6, cy: 6, r: 4, class: "ring" }],
};

/** A word with its shape and its colour: `kind` is `good`, `warn`, `bad`, `wait` or `none`. */
export function status(kind, word) {
  const [name, attributes] = SHAPES[kind];
  const shape = svg("svg", { class: "shape", viewBox: "0 0 12 12", "aria-hidden": "true" }, svg(name, attributes));
  return el("span", { class: `status ${kind}` }, shape, word);
}

/** A time that says how long ago it was; `console.js` keeps it up to date. */
export function since(at, words) {
  const node = el("time", { datetime: at, "data-since": at, title: words.moment(at) });
  node.textContent = words.ago(at);
  return node;
}

/** Puts a text into the clipboard, also where the page came without TLS and the browser has no interface for it. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { class: "off-screen", readonly: true, "aria-hidden": "true" });
    const focused = document.activeElement;
    area.value = text;
    (document.querySelector("dialog[open]") || document.body).append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return copied;
  }
}

/** A heading of a part with what belongs beside it. */
export function part(title, note, ...beside) {
  return el("div", { class: "part-head" }, el("h3", {}, title), note ? el("p", { class: "note" }, note) : null, ...beside);
}

// Shows many rows as pages of a hundred: sorted, filtered, and changed only where something changed.

import { button, el, say } from "./dom.js";
import * as words from "./words.js";

const MOST = 100;
/** With fewer rows, nobody needs a filter. */
const FEW = 10;
/** How many rows are drawn in one task. */
const SLICE = 25;

/** What is missing comes last, whichever way is sorted. */
function compared(one, other, down) {
  const missing = (value) => value === null || value === undefined;
  if (missing(one) || missing(other)) return missing(one) - missing(other);
  const order = one < other ? -1 : one > other ? 1 : 0;
  return down ? -order : order;
}

/**
 * A table. `columns` are `{head, text(row)}` or `{head, node(row), sig(row)}`, and perhaps `sort(row)`, `value(row)` (the exact
 * number), `look` (classes), `hint`. `id(row)` tells rows apart. `open(row)` gives what a row shows when it is opened:
 * `{root, update(row), close()}`. `many` is how many rows a page has.
 */
export class Table {
  constructor({
    label,
    columns,
    id,
    filter = null,
    sort = null,
    down = true,
    empty = "None.",
    open = null,
    opens = "",
    rowClass = null,
    anchor = null,
    many = MOST,
  }) {
    Object.assign(this, { label, columns, id, filter, empty, open, opens, rowClass, anchor, many });
    this.sorted = sort === null ? null : columns.findIndex(({ head }) => head === sort);
    this.down = down;
    this.page = 0;
    this.rows = [];
    this.shown = [];
    this.cells = new Map();
    this.opened = new Map();
    this.wanted = "";
    this.drawing = 0;
    // On a phone a table that nobody sorts has its cells below each other. Then it is a table by these roles alone.
    this.stacks = !columns.some((column) => column.sort);
    this.heads = columns.map((column, index) => this.#head(column, index));
    this.body = el("tbody", this.#role("rowgroup"));
    const headRow = el("tr", { "aria-rowindex": "1", ...this.#role("row") }, ...this.heads);
    this.table = el(
      "table",
      { "aria-label": label, class: this.stacks ? "stack" : null, ...this.#role("table") },
      el("thead", this.#role("rowgroup"), headRow),
      this.body,
    );
    this.scroll = el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": `Table: ${label}` }, this.table);
    this.nothing = el("p", { class: "nothing", hidden: true });
    this.found = el("span", { class: "found", "aria-live": "polite" });
    this.before = button("Previous", () => this.turn(-1));
    this.after = button("Next", () => this.turn(1));
    this.pages = el("div", { class: "pages" }, this.found, this.before, this.after);
    this.root = el("div", { class: "table" }, filter ? this.#filterBox() : null, this.scroll, this.nothing, this.pages);
  }

  #role(role) {
    return this.stacks ? { role } : {};
  }

  #head(column, index) {
    const attributes = { scope: "col", class: column.look, title: column.hint, ...this.#role("columnheader") };
    if (!column.sort) return el("th", attributes, column.head);
    const arrow = el("span", { class: "arrow", "aria-hidden": "true" });
    const isNumber = column.look?.startsWith("num");
    const parts = isNumber ? [arrow, column.head] : [column.head, arrow];
    return el("th", attributes, el("button", { type: "button", on: { click: () => this.sortBy(index) } }, ...parts));
  }

  #filterBox() {
    const input = el("input", {
      type: "search",
      placeholder: `Filter ${this.label.toLowerCase()}`,
      "aria-label": `Filter ${this.label.toLowerCase()}`,
      autocomplete: "off",
      spellcheck: "false",
    });
    input.addEventListener("input", () => {
      this.wanted = input.value.trim().toLowerCase();
      this.page = 0;
      this.arrange();
    });
    this.box = el("div", { class: "filter", hidden: true }, input);
    return this.box;
  }

  sortBy(index) {
    this.down = this.sorted === index ? !this.down : Boolean(this.columns[index].value || this.columns[index].down);
    this.sorted = index;
    this.page = 0;
    this.arrange();
  }

  turn(by) {
    this.page += by;
    this.arrange();
    this.scroll.scrollTo(0, 0);
  }

  /** Takes new rows. While somebody points at a row, or works in one, the order stays: nobody shall click on another row. */
  update(rows) {
    this.rows = rows;
    if (this.body.matches(":hover") || this.body.contains(document.activeElement)) this.#sameOrder();
    else this.arrange();
  }

  #sameOrder() {
    const byId = new Map(this.rows.map((row) => [this.id(row), row]));
    const page = this.#pageOf(this.shown);
    if (!page.every((row) => byId.has(this.id(row)))) return this.arrange();
    const known = new Set();
    this.shown = this.shown.flatMap((row) => {
      known.add(this.id(row));
      return byId.has(this.id(row)) ? [byId.get(this.id(row))] : [];
    });
    this.shown.push(...this.#kept().filter((row) => !known.has(this.id(row))));
    return this.#draw();
  }

  #kept() {
    return this.wanted ? this.rows.filter((row) => this.filter(row).includes(this.wanted)) : this.rows;
  }

  #pageOf(rows) {
    return rows.slice(this.page * this.many, (this.page + 1) * this.many);
  }

  arrange() {
    const kept = this.#kept();
    const column = this.columns[this.sorted];
    if (column) {
      const keys = new Map(kept.map((row) => [row, column.sort(row)]));
      this.shown = [...kept].sort((one, other) => compared(keys.get(one), keys.get(other), this.down));
    } else {
      this.shown = [...kept];
    }
    this.#draw();
  }

  /** Turns to the page of a row, and gives its element. */
  find(id) {
    const index = this.shown.findIndex((row) => this.id(row) === id);
    if (index < 0) return null;
    this.page = Math.floor(index / this.many);
    this.#draw(true);
    return this.cells.get(id)?.tr ?? null;
  }

  #draw(whole = false) {
    const last = Math.max(0, Math.ceil(this.shown.length / this.many) - 1);
    this.page = Math.max(0, Math.min(this.page, last));
    this.heads.forEach((head, index) => {
      if (!this.columns[index].sort) return;
      const order = index !== this.sorted ? "none" : this.down ? "descending" : "ascending";
      head.setAttribute("aria-sort", order);
      say(head.querySelector(".arrow"), { none: "", descending: "▼", ascending: "▲" }[order]);
    });
    const page = this.#pageOf(this.shown);
    const ids = new Set(page.map((row) => this.id(row)));
    for (const [id, { tr }] of this.cells) {
      if (ids.has(id)) continue;
      this.#close(id);
      tr.remove();
      this.cells.delete(id);
    }
    this.#foot(page.length);
    this.drawing += 1;
    this.#fill(page, 0, this.drawing, whole ? this.many : SLICE);
  }

  /** Draws some rows now and the next ones in a task of their own, so that none is long. A later drawing ends this one. */
  #fill(page, from, drawing, many) {
    if (drawing !== this.drawing) return;
    let place = from === 0 ? this.body.firstChild : this.#end(page[from - 1]).nextSibling;
    for (let index = from; index < Math.min(page.length, from + many); index += 1) {
      const row = page[index];
      const { tr } = this.#row(row, this.page * this.many + index);
      // Only a row in the wrong place moves: a moved element loses its focus.
      if (tr === place) place = place.nextSibling;
      else this.body.insertBefore(tr, place);
      const details = this.opened.get(this.id(row));
      if (!details) continue;
      if (details.tr === place) place = place.nextSibling;
      else this.body.insertBefore(details.tr, place);
      details.update(row);
    }
    // In the frame after the next one: else the browser lays all of them out together.
    if (from + many < page.length) requestAnimationFrame(() => setTimeout(() => this.#fill(page, from + many, drawing, many)));
  }

  /** The last element of a row that is drawn. */
  #end(row) {
    const id = this.id(row);
    return this.opened.get(id)?.tr ?? this.cells.get(id).tr;
  }

  #foot(length) {
    const all = this.shown.length;
    if (this.box) this.box.hidden = this.rows.length < FEW && !this.wanted;
    this.table.setAttribute("aria-rowcount", all + 1);
    this.scroll.hidden = all === 0;
    this.nothing.hidden = all > 0;
    say(this.nothing, this.wanted && this.rows.length > 0 ? "Nothing fits the filter." : this.empty);
    const first = this.page * this.many;
    const of = all === this.rows.length ? words.count(all) : `${words.count(all)} (of ${words.count(this.rows.length)})`;
    say(
      this.found,
      all > this.many ? `${words.count(first + 1)} to ${words.count(first + length)} of ${of}` : this.wanted ? `${of} found` : "",
    );
    const many = all > this.many;
    this.pages.hidden = !many && !this.wanted;
    this.before.hidden = !many;
    this.after.hidden = !many;
    this.before.disabled = this.page === 0;
    this.after.disabled = first + this.many >= all;
  }

  #row(row, index) {
    const id = this.id(row);
    let line = this.cells.get(id);
    if (!line) {
      line = { tr: el("tr", { id: this.anchor?.(row), ...this.#role("row") }), tds: [], row };
      this.columns.forEach((column, place) => {
        const isHead = place === 0;
        const role = this.#role(isHead ? "rowheader" : "cell");
        const td = el(isHead ? "th" : "td", {
          class: column.look,
          scope: isHead ? "row" : null,
          "data-head": column.head,
          ...role,
        });
        if (isHead && this.open) td.append(this.#opener(id));
        line.tds.push({ td, sig: undefined });
        line.tr.append(td);
      });
      this.cells.set(id, line);
    }
    line.row = row;
    line.tr.setAttribute("aria-rowindex", index + 2);
    if (this.rowClass) line.tr.className = this.rowClass(row);
    this.columns.forEach((column, place) => this.#cell(column, row, line.tds[place], place === 0 && this.open));
    return line;
  }

  #cell(column, row, cell, opens) {
    const sig = column.node ? `${column.sig(row)} ${words.zone()}` : column.text(row);
    if (cell.sig === sig) return;
    cell.sig = sig;
    const target = opens ? cell.td.firstChild.lastChild : cell.td;
    if (column.node) target.replaceChildren(...[column.node(row)].flat().filter(Boolean));
    else target.textContent = sig;
    if (column.value) cell.td.setAttribute("data-value", column.value(row) ?? "");
  }

  #opener(id) {
    const attributes = { type: "button", class: "opener", "aria-expanded": "false", title: this.opens };
    return el(
      "button",
      { ...attributes, on: { click: () => this.toggle(id) } },
      el("span", { class: "twist", "aria-hidden": "true" }),
      el("span", { class: "name" }),
    );
  }

  toggle(id) {
    const line = this.cells.get(id);
    if (!line) return;
    if (this.opened.has(id)) return this.#close(id);
    const details = this.open(line.row);
    const tr = el("tr", { class: "details" }, el("td", { colspan: this.columns.length }, details.root));
    this.opened.set(id, { tr, update: details.update, close: details.close });
    line.tr.after(tr);
    line.tr.querySelector(".opener").setAttribute("aria-expanded", "true");
  }

  #close(id) {
    const details = this.opened.get(id);
    if (!details) return;
    details.close?.();
    details.tr.remove();
    this.opened.delete(id);
    this.cells.get(id)?.tr.querySelector(".opener")?.setAttribute("aria-expanded", "false");
  }
}

// The list beside the map: one link a place, touched only where its words change.
import * as places from "./places.js";
import { collator, percent, say } from "./words.js";

const SORT_EVERY_MS = 2000; // rows change places calmly, and never under a reader's hand…
const SETTLED_MS = 6000; // …but for the first seconds, while the first numbers come in
const list = document.getElementById("list");
const rows = new Map();
let order = "free";
let wanted = "";
let orderDirty = false;
let visited = false; // a row has had the focus: Tab comes back to it
let lastSort = 0;

const matches = (place) => wanted.split(/\s+/).every((part) => place.key.includes(part));
export const filter = () => (wanted ? matches : () => true);

/** In words, what is known of a place now: "7 free", "full", "unknown". */
export function stateWords(now) {
  if (!now.known) return say("unknown");
  if (now.free === null) return say("now_present", { n: now.present });
  const words = now.free === 0 ? say("full") : say("seats_free", { n: now.free });
  return now.quality === "degraded" && now.free ? `${say("about")} ${words}` : words;
}

/** A bar that shows a share taken; hatched where nothing is known. */
export function bar(now) {
  const track = document.createElement("span");
  track.className = "bar";
  track.append(document.createElement("span"));
  paintBar(track, now);
  return track;
}

export function paintBar(track, now) {
  track.dataset.level = now.level;
  track.firstChild.style.setProperty("width", now.share === null ? "0" : `${Math.min(100, now.share * 100).toFixed(1)}%`);
  track.title = now.share === null ? "" : percent(now.share);
}

function make(place) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `#place=${encodeURIComponent(place.id)}`;
  link.tabIndex = -1;
  link.dataset.place = place.id;
  const name = Object.assign(document.createElement("span"), { className: "name" });
  const where = Object.assign(document.createElement("span"), { className: "where" });
  const state = Object.assign(document.createElement("span"), { className: "state" });
  const ratio = Object.assign(document.createElement("span"), { className: "ratio" });
  const meter = bar(place.now);
  meter.setAttribute("aria-hidden", "true");
  link.append(name, state, where, ratio, meter);
  item.append(link);
  return { item, link, name, where, state, ratio, meter };
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function paint(place) {
  const row = rows.get(place.id);
  const { now } = place;
  set(row.name, place.name);
  set(row.where, place.where);
  set(row.state, stateWords(now));
  set(row.ratio, now.capacity === null ? (now.known ? String(now.present) : "") : `${now.known ? now.present : "?"} / ${now.capacity}`);
  if (row.link.dataset.level !== String(now.level)) row.link.dataset.level = now.level;
  row.link.dataset.quality = now.quality;
  paintBar(row.meter, now);
}

const busy = () => list.matches(":hover") || list.contains(document.activeElement);

function sort() {
  orderDirty = false;
  lastSort = Date.now();
  const { compare } = collator();
  const byName = (a, b) => compare(a.name, b.name) || (a.id < b.id ? -1 : 1);
  const keys = { free: (p) => p.now.free ?? -1, fullness: (p) => p.now.share ?? -1, name: () => 0 };
  const key = keys[order];
  const sorted = [...places.all()].sort((a, b) => key(b) - key(a) || byName(a, b));
  let at = list.firstElementChild;
  for (const place of sorted) {
    const { item } = rows.get(place.id);
    if (item === at) at = at.nextElementSibling;
    else list.insertBefore(item, at);
  }
  rove();
}

/** One row is in the tab order; arrows reach the others. */
function rove(link = null) {
  const current = list.querySelector('a[tabindex="0"]');
  const next = link ?? (visited && current && !current.parentNode.hidden ? current : list.querySelector("li:not([hidden]) a"));
  if (current === next) return;
  if (current) current.tabIndex = -1;
  if (next) next.tabIndex = 0;
}

function narrow() {
  const keep = filter();
  let n = 0;
  for (const place of places.all()) {
    const hidden = !keep(place);
    const row = rows.get(place.id);
    if (row.item.hidden !== hidden) row.item.hidden = hidden;
    if (!hidden) n += 1;
  }
  document.getElementById("nothing").hidden = n > 0 || places.count() === 0;
  rove();
  return n;
}

export function update(batch) {
  let fresh = false;
  for (const place of batch) {
    if (!rows.has(place.id)) {
      rows.set(place.id, make(place));
      fresh = true;
    }
    paint(place);
  }
  orderDirty ||= order !== "name" || fresh;
  if (fresh) sort();
  else calmSort();
  return narrow();
}

/** Sorts again if something moved, not more often than every two seconds, and not under the pointer or the focus. */
export function calmSort() {
  if (orderDirty && !busy() && Date.now() - lastSort >= (performance.now() < SETTLED_MS ? 200 : SORT_EVERY_MS)) sort();
}

export function repaint() {
  for (const place of places.all()) paint(place);
  sort();
}

export function setOrder(value) {
  order = value;
  sort();
  list.scrollTop = 0;
}

export function setSearch(text) {
  wanted = places.fold(text.trim());
  list.scrollTop = 0;
  return narrow();
}

export function markSelected(id) {
  list.querySelector("a[aria-current]")?.removeAttribute("aria-current");
  rows.get(id)?.link.setAttribute("aria-current", "true");
}

/** Brings the reader back to a row, for example after its details are closed. */
export function focus(id) {
  const row = rows.get(id);
  const link = row && !row.item.hidden ? row.link : list.querySelector('a[tabindex="0"]');
  if (!link) return;
  rove(link);
  link.focus();
}

list.addEventListener("focusin", (e) => {
  if (!e.target.matches("a")) return;
  visited = true;
  rove(e.target);
});
list.addEventListener("keydown", (e) => {
  const links = [...list.querySelectorAll("li:not([hidden]) a")];
  const here = links.indexOf(document.activeElement);
  const steps = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: links.length - 1, PageDown: here + 10, PageUp: here - 10 };
  if (!(e.key in steps) || !links.length) return;
  e.preventDefault();
  links[Math.min(Math.max(steps[e.key], 0), links.length - 1)].focus();
});

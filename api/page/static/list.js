// The list beside the map: one link for each place, updated only if its text changes.
import * as places from "./places.js";
import { collator, daysUntil, percent, say, soon } from "./words.js";

const SORT_EVERY_MS = 2000; // rows move rarely, and never under the pointer or the focus…
const SETTLED_MS = 6000; // …except in the first seconds, while the first numbers arrive
const list = document.getElementById("list");
const rows = new Map();
let order = "free";
let wanted = "";
let orderDirty = false;
let count = 0; // of the rows shown
let stop = null; // the row in the tab order
let visited = false; // a row has had the focus: Tab returns to it
let lastSort = 0;

const matches = (place) => places.has(place, wanted);
export const filter = () => (wanted ? matches : () => true);

/** The state of a place or space as text: "7 free", "5–7 free", "full", "closed", "booked until 15:00", "unknown". */
export function stateWords(now) {
  if (now.pending) return say("pending");
  if (now.opening.open === false) return say("closed");
  if (now.booked) return near(now.booked, now.opening) ? say("booked_until", { time: time(now.booked, now.opening, true) }) : say("booked");
  if (now.free === null && now.band) return bandWords(now.band);
  if (now.free === null) return now.known ? say("now_present", { n: now.present }) : say("unknown");
  if (now.most === 0) return say("full");
  if (now.most > now.free) return say("seats_between", { n: now.most, low: now.free });
  return now.quality === "degraded" ? `${say("about")} ${say("seats_free", { n: now.free })}` : say("seats_free", { n: now.free });
}

/** As text, until when a place is open, or when it opens: "open until 18:00", "opens on Monday at 9:00". */
export function hoursWords(opening) {
  const { open, locked, changes } = opening;
  if (locked) return say("suspended");
  if (open === null) return say("hours_not_known");
  if (open) return changes !== null && near(changes, opening) ? say("open_until", { time: time(changes, opening, true) }) : say("open_now");
  if (changes === null) return say("closed_now");
  return say(daysUntil(changes, opening.zone, places.now()) === 0 ? "opens_today" : "opens", { time: time(changes, opening) });
}

const near = (ms, { zone }) => daysUntil(ms, zone, places.now()) < 2;
const time = (ms, { zone }, ends = false) => soon(ms, zone, places.now(), ends);

/** Both, for one line: "5–7 free, open until 18:00". */
export const nowWords = (now) => (now.pending ? stateWords(now) : `${stateWords(now)}, ${hoursWords(now.opening)}`);

/** How many people, as a row and a card show it. */
export const figureOf = (now) => (now.band ? bandFigure(now.band) : now.known ? String(now.present) : now.pending ? "…" : "?");

const bandFigure = ({ from, to }) => (from === 0 && to !== null ? `≤ ${to}` : to === null ? `≥ ${from}` : `${from}–${to}`);

/** A band as text: "3 people or fewer". */
export const bandWords = ({ from, to }) => (from === 0 && to !== null ? say("band_most", { n: to }) : to === null ? say("band_least", { n: from }) : say("band_between", { n: to, low: from }));

/** A bar that shows the share taken; hatched if unknown. */
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
  const hours = Object.assign(document.createElement("span"), { className: "hours-now" });
  const ratio = Object.assign(document.createElement("span"), { className: "ratio" });
  const meter = bar(place.now);
  meter.setAttribute("aria-hidden", "true");
  link.append(name, state, where, ratio, hours, meter);
  item.append(link);
  return { item, link, name, where, state, ratio, hours, meter };
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
  set(row.hours, now.pending ? "" : hoursWords(now.opening));
  set(row.ratio, now.capacity === null ? (now.known ? figureOf(now) : "") : `${figureOf(now)} / ${now.capacity}`);
  if (row.link.dataset.level !== String(now.level)) row.link.dataset.level = now.level;
  row.link.dataset.quality = now.quality;
  paintBar(row.meter, now);
}

const busy = () => list.matches(":hover") || list.contains(document.activeElement);

/** Puts the matching rows into the list in order. */
function sort() {
  orderDirty = false;
  lastSort = Date.now();
  const { compare } = collator();
  const byName = (a, b) => compare(a.name, b.name) || (a.id < b.id ? -1 : 1);
  const keys = { free: (p) => (p.now.opening.open === false ? -2 : p.now.free ?? -1), fullness: (p) => p.now.share ?? -1, name: () => 0 };
  const key = keys[order];
  const wantedRows = [...places.all()].filter(filter()).sort((a, b) => key(b) - key(a) || byName(a, b)).map((place) => rows.get(place.id).item);
  const moved = wantedRows.filter((item, i) => list.children[i] !== item).length;
  if (moved > 40 || wantedRows.length !== list.childElementCount || wantedRows.some((item) => !item.isConnected)) list.replaceChildren(...wantedRows);
  else wantedRows.forEach((item, i) => list.children[i] === item || list.insertBefore(item, list.children[i]));
  count = wantedRows.length;
  document.getElementById("nothing").hidden = count > 0 || places.count() === 0;
  rove();
  return count;
}

/** One row is in the tab order; arrows reach the others. */
function rove(link = null) {
  const next = link ?? (visited && stop?.isConnected ? stop : list.querySelector("a"));
  if (stop) stop.tabIndex = -1;
  if (next) next.tabIndex = 0;
  stop = next;
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
  return count;
}

/** Sorts again if something changed, at most every two seconds, and not under the pointer or the focus. */
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
  const n = sort();
  list.scrollTop = 0;
  return n;
}

export function markSelected(id) {
  list.querySelector("a[aria-current]")?.removeAttribute("aria-current");
  rows.get(id)?.link.setAttribute("aria-current", "true");
}

/** Moves the focus back to a row, for example after its details are closed. */
export function focus(id) {
  const row = rows.get(id);
  const link = row?.item.isConnected ? row.link : stop;
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
  const links = [...list.querySelectorAll("a")];
  const here = links.indexOf(document.activeElement);
  const steps = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: links.length - 1, PageDown: here + 10, PageUp: here - 10 };
  if (!(e.key in steps) || !links.length) return;
  e.preventDefault();
  links[Math.min(Math.max(steps[e.key], 0), links.length - 1)].focus();
});

// The map: two canvases, redrawn only when something on them changed, and their pointer and keyboard control.
import * as coming from "./coming.js";
import { drawGround, light, loadGround } from "./ground.js";
import { drawPile, gather, pileRadius } from "./piles.js";
import * as places from "./places.js";
import { STEPS } from "./scale.js";
import { MAX_SCALE, mercator, TERRITORIES, territoryOf, View } from "./view.js";

const RIPPLE_MS = 700; // around a dot whose number just changed
const RIPPLE_EVERY_MS = 100;
const RIPPLES = 20; // if more change at once, none is drawn
const APART = 16; // pixels between two dots; closer places are one pile
const LISTED = 8; // a larger pile is zoomed into if that separates it
const OUTLINE_AGAIN_MS = 10_000;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const view = new View();
const box = document.getElementById("map");
const ground = document.getElementById("ground");
const dots = document.getElementById("dots");
let outline = null;
let colours = {};
let ratio = 1;
let frame = 0;
let ripple = 0;
let groundDirty = true;
let shown = () => true;
let selected = null;
let hovered = null;
let piles = []; // as drawn
let fitted = null; // the territory that the view was fitted to, until the reader moves it
let departments = new Set();

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  for (const name of ["sea", "land", "country", "dim", "department", "region", "name", "paper", "ink", "closed", "unknown", "coming"]) colours[name] = colour(name);
  colours.levels = STEPS.map((step) => colour(`level-${step}`));
  colours.none = colour("level-none");
}

function radius() {
  const room = Math.sqrt((view.width * view.height) / Math.max(places.count(), 1)); // pixels to each place
  const base = Math.min(Math.max(2.6 + 0.07 * room, 3.6), 6.5);
  return Math.min(base + Math.log2(Math.max(1, view.scale / view.fitted)) * 1.5, 11);
}

function drawDot(context, place, r) {
  const { now } = place;
  const [x, y] = place.screen;
  const size = place === selected || hovered?.includes(place) ? r + 2.5 : r;
  context.beginPath();
  if (now.level === "closed") {
    context.arc(x, y, size * 0.8, 0, 7);
    context.fillStyle = colours.country;
    context.fill();
    context.moveTo(x - size * 0.45, y);
    context.lineTo(x + size * 0.45, y);
    context.lineWidth = 1.5;
    context.strokeStyle = colours.closed;
    context.stroke();
  } else if (now.level === "pending") {
    context.arc(x, y, size * 0.6, 0, 7);
    context.fillStyle = colours.unknown;
    context.fill();
  } else if (!now.known) {
    context.arc(x, y, size * 0.9, 0, 7);
    context.fillStyle = colours.country;
    context.fill();
    context.setLineDash([size * 0.5, size * 0.36]);
    context.lineWidth = 1.5;
    context.strokeStyle = context.fillStyle = colours.unknown;
    context.stroke();
    context.setLineDash([]);
    if (size >= 5.5) {
      context.font = `600 ${Math.round(size * 1.5)}px system-ui, sans-serif`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText("?", x, y + 0.5);
    }
  } else {
    const colour = now.level === "none" ? colours.none : colours.levels[now.level];
    context.arc(x, y, size, 0, 7);
    context.fillStyle = colours.paper;
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = colour;
    context.stroke();
    context.beginPath();
    context.fillStyle = colour;
    if (now.share !== null && now.share < 1) {
      context.moveTo(x, y);
      context.arc(x, y, size, -Math.PI / 2, -Math.PI / 2 + now.share * 2 * Math.PI);
    } else if (now.share !== null) context.arc(x, y, size, 0, 7);
    context.fill();
  }
  if (place === selected) {
    context.beginPath();
    context.arc(x, y, size + 3.5, 0, 7);
    context.lineWidth = 2.5;
    context.strokeStyle = colours.ink;
    context.stroke();
  }
}

/** Draws a ring that widens and fades around each dot whose number just changed. Returns whether any is still visible. */
function drawRipples(context, seen, r) {
  const now = performance.now();
  const moving = still.matches ? [] : seen.filter((place) => now - (place.movedAt ?? -RIPPLE_MS) < RIPPLE_MS);
  if (moving.length > RIPPLES) return false;
  for (const { spot: [x, y], now: { level }, movedAt } of moving) {
    const share = (now - movedAt) / RIPPLE_MS;
    context.globalAlpha = 0.8 * (1 - share);
    context.beginPath();
    context.arc(x, y, r + 1 + 7 * share, 0, 7);
    context.lineWidth = 2;
    context.strokeStyle = colours.levels[level] ?? colours[level] ?? colours.none;
    context.stroke();
  }
  context.globalAlpha = 1;
  return moving.length > 0;
}

function drawDots() {
  const context = dots.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, view.width, view.height);
  const r = radius();
  const seen = [];
  for (const place of places.all()) {
    place.screen = null;
    if (!shown(place) && place !== selected) continue;
    place.mercator ??= mercator(place.longitude, place.latitude);
    const [x, y] = view.at(place.mercator);
    if (x < -20 || y < -20 || x > view.width + 20 || y > view.height + 20) continue;
    place.screen = [x, y];
    seen.push(place);
  }
  coming.drawAll(context, view, colours, shown);
  const loose = seen.filter((place) => place !== selected); // the selected place is always drawn
  piles = gather(loose, Math.max(1.6 * r, APART));
  if (selected?.screen) piles.push({ at: (selected.spot = selected.screen), places: [selected] });
  const rank = ({ places: [p, other], places: { length } }) => (p === selected ? Infinity : other ? 2 + length : p.now.known && p.now.level !== "closed" ? 1 + (p.now.share ?? 0) : 0);
  piles.sort((a, b) => rank(a) - rank(b)); // the fullest above unknown and closed ones, piles above both, the largest on top
  for (const pile of piles) {
    if (pile.places.length > 1) drawPile(context, pile, pileRadius(pile, r), colours);
    else drawDot(context, pile.places[0], r);
  }
  clearTimeout(ripple);
  if (drawRipples(context, seen, r)) ripple = setTimeout(redraw, RIPPLE_EVERY_MS, false);
  if (view.scale > view.fitted * 2) drawNames(context, r);
}

function drawNames(context, r) {
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  const taken = piles.map((pile) => {
    const [{ at: [x, y] }, size] = [pile, pileRadius(pile, r)];
    return [x - size, y - size, x + size, y + size];
  });
  const free = ([w, n, e, s], own) => taken.every(([a, b, c, d], i) => i === own || e < a || w > c || s < b || n > d);
  piles.forEach(({ at: [x, y], places: [place, other] }, i) => {
    if (other) return;
    const rectangle = [x + r + 3, y - 8, x + r + 5 + context.measureText(place.name).width, y + 8];
    if (!free(rectangle, i)) return;
    taken.push(rectangle);
    context.strokeStyle = colours.country;
    context.fillStyle = colours.ink;
    context.strokeText(place.name, x + r + 4, y);
    context.fillText(place.name, x + r + 4, y);
  });
}

function draw() {
  frame = 0;
  if (groundDirty) drawGround(ground, outline, view, colours, ratio, places.count() > 600);
  groundDirty = false;
  if (outline) box.dataset.ground = "drawn";
  drawDots();
}

export function redraw(everything = true) {
  groundDirty ||= everything;
  frame ||= requestAnimationFrame(draw);
}

function resize() {
  ratio = Math.min(devicePixelRatio || 1, 2);
  view.width = box.clientWidth;
  view.height = box.clientHeight;
  for (const canvas of [ground, dots]) {
    canvas.width = view.width * ratio;
    canvas.height = view.height * ratio;
  }
  redraw();
}

/** The pile under a point, most often of one place. */
function near(px, py) {
  const r = radius();
  let best = null;
  let least = Infinity;
  for (const pile of piles) {
    const distance = Math.hypot(pile.at[0] - px, pile.at[1] - py);
    if (distance <= pileRadius(pile, r) + 7 && distance < least) [best, least] = [pile, distance];
  }
  return best ?? coming.near(px, py);
}

/** Zooms until a pile separates. Returns whether it can. */
function zoomInto({ places: members }) {
  const points = members.map((place) => place.mercator);
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const [width, height] = [xs, ys].map((all) => Math.max(...all) - Math.min(...all));
  const scale = Math.min((view.width * 0.7) / Math.max(width, 1e-9), (view.height * 0.7) / Math.max(height, 1e-9), MAX_SCALE);
  if (scale < view.scale * 1.2 || Math.hypot(width, height) * scale < 40) return false;
  fitted = null;
  view.centre([Math.min(...xs) + width / 2, Math.min(...ys) + height / 2], scale);
  redraw();
  return true;
}

/** Shows one territory, or the one with the most places. */
export function fitTo(territory = null) {
  const by = new Map();
  for (const place of places.all()) by.set(territoryOf(place), [...(by.get(territoryOf(place)) ?? []), place]);
  const chosen = territory ?? [...by].reduce((a, b) => (b[1].length > a[1].length ? b : a), ["mainland", []])[0];
  const [west, south, east, north] = TERRITORIES.find(({ id }) => id === chosen).box;
  const corners = chosen === "mainland" ? [] : [mercator(west, south), mercator(east, north)]; // an island is shown whole
  view.fit([...corners, ...(by.get(chosen) ?? []).map((p) => mercator(p.longitude, p.latitude))]);
  fitted = chosen;
  redraw();
}

export function select(place, move) {
  selected = place;
  if (place && move) {
    const point = mercator(place.longitude, place.latitude);
    const [x, y] = view.at(point);
    const away = x < 40 || y < 40 || x > view.width - 40 || y > view.height - 40;
    if (away && view.width) {
      fitted = null;
      view.centre(point, Math.max(view.scale, view.fitted));
    }
  }
  redraw();
}

export function setDepartments(codes) {
  departments = codes;
  if (outline) light(outline, codes);
  redraw();
}

export function setShown(filter) {
  shown = filter;
  redraw(false);
}

export function zoomBy(factor) {
  fitted = null;
  view.zoom(factor);
  redraw();
}

/**
 * Starts the map. `pick(place)`: one was clicked; `unpile(places, x, y)`: several at one spot; `hint(places, x, y)`: what is
 * under the pointer, null for nothing.
 */
export function start({ url, pick, unpile, hint }) {
  readColours();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readColours();
    redraw();
  });
  new ResizeObserver(() => {
    resize();
    if (fitted) fitTo(fitted);
  }).observe(box);
  resize();
  const open = (pile, x, y) => {
    if (pile.places[0].coming) unpile(pile.places, x, y);
    else if (pile.places.length === 1) pick(pile.places[0]);
    else if (pile.places.length <= LISTED || !zoomInto(pile)) unpile(pile.places, x, y);
  };
  hands(open, (pile, x, y) => {
    const under = pile?.places ?? null;
    if (under?.[0] !== hovered?.[0]) redraw(false);
    hovered = under;
    hint(under, x, y);
  });
  lay(url);
}

/** Loads the ground; retried until it succeeds. */
async function lay(url) {
  try {
    outline = await loadGround(url);
  } catch (error) {
    console.warn("outline", error);
    setTimeout(lay, OUTLINE_AGAIN_MS, url);
    return;
  }
  light(outline, departments);
  redraw();
}

function hands(open, hover) {
  const fingers = new Map();
  let moved = 0;
  let tap = null;
  const where = (e) => [e.offsetX, e.offsetY];
  box.addEventListener("wheel", (e) => {
    e.preventDefault();
    fitted = null;
    view.zoom(Math.exp(-e.deltaY * (e.deltaMode === 1 ? 0.05 : 0.0016)), ...where(e));
    redraw();
  }, { passive: false });
  box.addEventListener("pointerdown", (e) => {
    if (!fingers.size) moved = 0;
    fingers.set(e.pointerId, where(e));
    box.setPointerCapture(e.pointerId);
  });
  box.addEventListener("pointermove", (e) => {
    const to = where(e);
    const from = fingers.get(e.pointerId);
    if (!from) return hover(near(...to), ...to);
    const other = [...fingers].find(([id]) => id !== e.pointerId)?.[1];
    if (other) {
      const span = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
      view.zoom(span(to) / span(from), (to[0] + other[0]) / 2, (to[1] + other[1]) / 2);
    } else view.pan(to[0] - from[0], to[1] - from[1]);
    moved += Math.hypot(to[0] - from[0], to[1] - from[1]);
    fingers.set(e.pointerId, to);
    if (moved > 4) {
      fitted = null;
      redraw();
    }
  });
  const up = (e) => {
    const tapped = fingers.size === 1 && moved <= 6 && e.type === "pointerup";
    fingers.delete(e.pointerId);
    tap = tapped ? where(e) : null;
  };
  box.addEventListener("pointerup", up);
  box.addEventListener("pointercancel", up);
  box.addEventListener("click", () => { // after a touch has moved the focus here
    const pile = tap && near(...tap);
    if (pile) open(pile, ...tap);
    tap = null;
  });
  box.addEventListener("pointerleave", () => hover(null, 0, 0));
  box.addEventListener("dblclick", (e) => {
    fitted = null;
    view.zoom(2, ...where(e));
    redraw();
  });
  const keys = { ArrowLeft: () => view.pan(80, 0), ArrowRight: () => view.pan(-80, 0), ArrowUp: () => view.pan(0, 80), ArrowDown: () => view.pan(0, -80),
    "+": () => view.zoom(1.5), "=": () => view.zoom(1.5), "-": () => view.zoom(1 / 1.5), 0: () => fitTo() };
  box.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || !keys[e.key]) return;
    e.preventDefault();
    fitted = null;
    keys[e.key]();
    redraw();
  });
}

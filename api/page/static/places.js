// What the page knows: every place with its last number, and what may be said of it now.
import { levelOf } from "./scale.js";

const CALM_MS = 125; // a busy network moves the page eight times a second, not sixty
const places = new Map();
const listeners = new Set();
let changed = new Set();
let waiting = false;
let flushedAt = 0;
let ahead = 0; // the server's clock minus ours, ms
let cut = false; // the stream is silent: numbers live no longer than their ttl

export const all = () => places.values();
export const get = (id) => places.get(id);
export const count = () => places.size;

/** Calls back before a frame is drawn, eight times a second at most, with the places that changed since. */
export function onChange(listener) {
  listeners.add(listener);
}

function touch(place) {
  changed.add(place);
  if (waiting) return;
  waiting = true;
  setTimeout(() => requestAnimationFrame(flush), Math.max(0, flushedAt + CALM_MS - performance.now()));
}

function flush() {
  waiting = false;
  flushedAt = performance.now();
  const batch = changed;
  changed = new Set();
  for (const listener of listeners) listener(batch);
}

export const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

export function put(record) {
  const known = places.get(record.id);
  const place = known ?? { id: record.id, number: null, now: null };
  const where = [record.postcode, record.commune].filter(Boolean).join(" ");
  const { latitude, longitude } = record.coordinates;
  Object.assign(place, record, { latitude, longitude, where, key: fold(`${record.name} ${where} ${record.department ?? ""}`) });
  places.set(place.id, place);
  place.now = judged(place);
  touch(place);
}

/** The server's clock counts, not the reader's; whole seconds, so a small difference is none. */
export function setServerTime(ms) {
  const difference = ms - Date.now();
  if (!Number.isNaN(difference)) ahead = Math.abs(difference) > 2500 ? difference : 0;
}

/** What may be said of a number now: present and its kin are null unless it is fresh. From `free` to `most` seats are free. */
export function judge(number, capacity) {
  const size = number?.capacity ?? capacity ?? null;
  const fresh = number && number.present !== null && (number.quality === "live" || number.quality === "degraded");
  const quality = !number ? "unknown" : fresh && cut && expired(number) ? "stale" : number.quality;
  if (!fresh || quality === "stale") return { known: false, present: null, low: null, high: null, free: null, most: null, share: null, capacity: size, quality, level: "unknown" };
  const share = size > 0 ? number.present / size : null;
  const left = (people) => (size === null ? null : Math.max(0, size - people));
  const free = left(number.high ?? number.present); // surely free, as /v1/availability counts
  const most = left(number.low ?? number.present);
  return { known: true, present: number.present, low: number.low, high: number.high, free, most, share, capacity: size, quality, level: levelOf(share) };
}

const expired = (number) => number.at === null || Date.now() + ahead > Date.parse(number.at) + number.ttl * 1000;
const judged = (place) => judge(place.number, place.capacity);

/** A number from the API or the stream replaces the place's last one. Unknown places are ignored. */
export function hear(number) {
  const place = places.get(number.place);
  if (!place) return false;
  const before = place.now;
  place.number = number;
  place.now = judged(place);
  if (before.known && place.now.known && before.present !== place.now.present) place.movedAt = performance.now();
  touch(place); // its spaces may have moved where it did not
  return true;
}

function refresh(place) {
  const before = place.now;
  const now = judged(place);
  place.now = now;
  if (!before || ["known", "present", "low", "high", "capacity", "quality"].some((k) => before[k] !== now[k])) touch(place);
}

/** While the line is cut every number ages to unknown by its own ttl. */
export function setCut(is) {
  cut = is;
  age();
}

export function age() {
  for (const place of places.values()) refresh(place);
}

export function totals() {
  const sum = { present: 0, free: 0, known: 0, unknown: 0, degraded: 0 };
  for (const { now } of places.values()) {
    if (!now.known) sum.unknown += 1;
    else {
      sum.known += 1;
      sum.present += now.present;
      sum.free += now.free ?? 0;
      if (now.quality === "degraded") sum.degraded += 1;
    }
  }
  return sum;
}

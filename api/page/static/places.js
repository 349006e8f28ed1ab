// The state of the page: every place with its last number, and the number's validity now.
import { levelOf, levelOfBand } from "./scale.js";

const CALM_MS = 125; // the page is updated at most eight times a second
const places = new Map();
const listeners = new Set();
let changed = new Set();
let waiting = false;
let flushedAt = 0;
let ahead = 0; // the server's clock minus ours, ms
let cut = false; // disconnected: numbers expire after their ttl

export const all = () => places.values();
export const get = (id) => places.get(id);
export const count = () => places.size;

/** Calls back before a frame is drawn, at most eight times a second, with the places that changed since. */
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

/** Without accents, case and hyphens, as the API's `q` does it: "Saint-Étienne" is found by "saint etienne". */
export const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/œ/g, "oe").replace(/æ/g, "ae").replace(/-/g, " ").replace(/’/g, "'");

const searchable = ({ name, department, department_name: departmentName, region }, where) => ` ${fold([name, where, department, departmentName, region].filter(Boolean).join(" "))}`;
const NUMBER = /^(\d+|2[ab])$/;

/** Whether a place has all the words of a folded text; a number must begin a postcode, a department or another word. */
export const has = (place, text) => text.split(/\s+/).every((word) => place.key.includes(NUMBER.test(word) ? ` ${word}` : word));

export function put(record) {
  const known = places.get(record.id);
  const place = known ?? { id: record.id, number: null, now: null };
  const where = [record.postcode, record.commune].filter(Boolean).join(" ");
  const { latitude, longitude } = record.coordinates;
  Object.assign(place, record, { latitude, longitude, where, key: searchable(record, where) });
  places.set(place.id, place);
  place.now = judged(place);
  touch(place);
}

/** Uses the server's clock instead of the reader's; its resolution is a second, so that small differences are ignored. */
export function setServerTime(ms) {
  const difference = ms - Date.now();
  if (!Number.isNaN(difference)) ahead = Math.abs(difference) > 2500 ? difference : 0;
}

/**
 * The state of a number now: `present`, `low` and `high` are null unless it is fresh. `band`: from so many to so many
 * people, where the API doesn't tell their number (docs/privacy.md). From `free` to `most` seats are free,
 * as the API counts them (docs/api.md, Free seats). `opening`: whether the place is open, see below. `pending`: the first
 * number has not arrived yet.
 */
export function judge(number, capacity, opening, pending = false) {
  const size = number?.capacity ?? capacity ?? null;
  const said = number && (number.present !== null || Boolean(number.band));
  const fresh = said && (number.quality === "live" || number.quality === "degraded");
  const quality = !number ? "unknown" : fresh && cut && expired(number) ? "stale" : number.quality;
  const known = Boolean(fresh) && quality !== "stale";
  const band = known ? number.band ?? null : null;
  const share = known && !band && size > 0 ? number.present / size : null;
  const old = opening.turned || (cut && said && !known);
  const offer = opening.open === false ? { low: 0, high: 0 } : old ? null : number?.free ?? null;
  const booked = number?.booked_until && instant(number.booked_until) > now() ? instant(number.booked_until) : null;
  return {
    known, quality, share, band, capacity: size, opening, booked, pending,
    present: known ? number.present : null, low: known ? number.low : null, high: known ? number.high : null,
    free: offer?.low ?? null, most: offer?.high ?? null,
    level: pending ? "pending" : opening.open === false ? "closed" : known ? (band ? levelOfBand(band, size) : levelOf(share)) : "unknown",
  };
}

/**
 * Whether a place is open (null: unknown), until when (ms, null: unknown), whether it is in lockdown, and the time zone of
 * its hours. `turned`: that time has passed, but no event has arrived yet.
 */
function openingOf({ number, time_zone: zone }) {
  const changes = number?.changes_at ? instant(number.changes_at) : null;
  const { open = null, locked = false } = number ?? {};
  const turned = changes !== null && !locked && now() >= changes;
  return { open: turned ? !open : open, locked, changes: turned ? null : changes, zone, turned };
}

/** The server's time, ms. */
export const now = () => Date.now() + ahead;
const instant = (text) => Date.parse(text);
const expired = (number) => number.at === null || now() > instant(number.at) + number.ttl * 1000;
const judged = (place) => judge(place.number, place.capacity, openingOf(place), !place.number && !cut);

/** A number from the API or the stream replaces the place's last one. Unknown places are ignored. */
export function hear(number) {
  const place = places.get(number.place);
  if (!place) return false;
  const before = place.now;
  place.number = number;
  place.now = judged(place);
  if (before.known && place.now.known && (before.present !== place.now.present || before.band?.from !== place.now.band?.from)) place.movedAt = performance.now();
  touch(place); // its spaces may have changed even if it did not
  return true;
}

function refresh(place) {
  const before = place.now;
  place.now = judged(place);
  if (!before || before.band?.to !== place.now.band?.to || before.band?.from !== place.now.band?.from || ["known", "present", "low", "high", "free", "most", "capacity", "quality", "level", "pending"].some((k) => before[k] !== place.now[k])) touch(place);
}

/** While disconnected, every number becomes unknown after its own ttl. */
export function setCut(is) {
  cut = is;
  age();
}

export function age() {
  for (const place of places.values()) refresh(place);
}

/** People (in bands: at least) and free seats of all places; `bands`: places with a band; `maybe`: free seats of places with unknown hours; `pending`: not loaded yet. */
export function totals(keep = () => true) {
  const sum = { places: 0, present: 0, bands: 0, free: 0, maybe: 0, known: 0, unknown: 0, pending: 0 };
  for (const place of places.values()) {
    if (!keep(place)) continue;
    const { now } = place;
    sum.places += 1;
    if (now.known) sum.present += now.band ? now.band.from : now.present;
    if (now.band) sum.bands += 1;
    sum[now.pending ? "pending" : now.known ? "known" : "unknown"] += 1;
    sum[now.opening.open ? "free" : "maybe"] += now.free ?? 0;
  }
  return sum;
}

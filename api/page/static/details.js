// One place in full: its spaces with their occupancy, address, hours.
import { aheadSection } from "./ahead.js";
import { bookableSection } from "./bookable.js";
import { bookable as fetchBookable, forecast as fetchForecast, place as fetchPlace } from "./line.js";
import { bandWords, bar, figureOf, hoursWords, stateWords } from "./list.js";
import * as places from "./places.js";
import { moment, say } from "./words.js";

const ASK_AGAIN_MS = 10_000;
const AHEAD_MS = 60_000; // so often what is ahead is asked for again
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const panel = document.getElementById("details");
let open = null; // the code of the place shown
let about = null; // GET /v1/places/{id}
let ahead = null; // GET /v1/places/{id}/forecast
let bookable = null; // GET /v1/places/{id}/bookable
let aheadAt = 0; // when it was last asked for
let failed = null; // why loading failed: an HTTP status, 0 without a response
let asking = null; // the code of the place that is being loaded
let askAgainAt = 0;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function intervalWords(now) {
  if (now.band) return bandWords(now.band);
  if (now.low === null || now.high === null) return null;
  if (now.low === now.high) return now.quality === "live" ? say("exact") : null;
  return say("interval", { low: now.low, high: now.high });
}

function spaceCard(space, number, { opening, pending }) {
  const isRoot = space.kind === "place";
  const now = places.judge(number, space.capacity, opening, pending);
  const card = element("li", isRoot ? "space root" : "space");
  card.dataset.space = space.id;
  card.dataset.level = now.level;
  const head = element("div", "space-head");
  head.append(element("h3", "", isRoot ? say("whole") : space.name), element("span", "state", stateWords(now)));
  const size = now.capacity === null ? say("no_capacity") : isRoot ? say("people_at_most") : say("seats", { n: now.capacity });
  const seats = isRoot && number?.seats ? ` · ${say("seats_for_work", { n: number.seats })}` : "";
  const count = element("p", "space-count");
  count.append(element("strong", "", figureOf(now)), ` / ${now.capacity ?? "?"} `, element("span", "quiet", isRoot ? size + seats : `${size} · ${say(`kinds.${space.kind}`)}`));
  const facts = pending ? [] : [now.known ? intervalWords(now) : null, say(now.band ? "quality_band" : `quality.${now.quality}`), number?.at ? say("at", { time: moment(Date.parse(number.at)) }) : say("never")];
  card.append(head, bar(now));
  if (isRoot && !pending) card.append(element("p", "hours-now", hoursWords(opening)));
  card.append(count, element("p", "facts", facts.filter(Boolean).join(" · ")));
  return card;
}

function hours(place) {
  const week = place.opening_hours;
  const closed = [...(place.closures ?? []), ...(week?.closed ?? [])].map((days) => element("p", "quiet", say("closed_days", { first: days[0], last: days[1] })));
  if (!week) return [element("span", "quiet", say("hours_unknown")), ...closed];
  const table = element("table", "hours");
  const line = (name, spans = []) => {
    const row = table.insertRow();
    row.append(element("th", "", name), element("td", "", spans.map((span) => span.join("–")).join(", ") || say("closed")));
    row.cells[0].scope = "row";
  };
  for (const day of DAYS) line(say(`days.${day}`), week[day]);
  if (week.holidays) line(say("holidays"), week.holidays.hours);
  for (const [first, last, spans] of week.except ?? []) line(first === last ? first : `${first} – ${last}`, spans);
  return place.hours_generated ? [element("p", "quiet", say("hours_generated")), table, ...closed] : [table, ...closed];
}

function fact(list, key, ...content) {
  const value = element("dd");
  value.append(...content);
  list.append(element("dt", "", say(key)), value);
}

function safeLink(text) {
  const url = /^https?:\/\//i.test(text) ? text : `https://${text}`;
  if (!URL.canParse?.(url)) return element("span", "", text);
  const link = element("a", "", text.replace(/^https?:\/\//i, "").replace(/\/$/, ""));
  Object.assign(link, { href: url, rel: "noopener noreferrer nofollow", referrerPolicy: "no-referrer", target: "_blank" });
  return link;
}

function render() {
  if (!open) return;
  const held = panel.contains(document.activeElement) ? document.activeElement.className : null;
  const place = { ...places.get(open), ...about };
  const back = element("a", "back", `← ${say("back")}`);
  back.href = "#";
  const head = element("h2", "", place.name ?? open);
  const children = [back, head];
  if (failed === 404) children.push(element("p", "warning", say("not_found")));
  else if (!place.name) children.push(waiting());
  else {
    const live = places.get(open);
    if (place.where) children.push(element("p", "quiet", place.where));
    if (live && live.now.level === "unknown") children.push(element("p", "warning", say("unknown_why")));
    if (place.generated) children.push(element("p", "generated", say("generated")));
    else if (place.spaces?.some((s) => s.generated)) children.push(element("p", "generated", say("generated_spaces")));
    children.push(element("h3", "section", say("spaces")), spacesList(live));
    const hours = ahead && aheadSection(ahead, place.time_zone, places.now());
    const things = bookable && bookableSection(bookable, place.time_zone, places.now());
    if (things) children.push(things);
    if (hours) children.push(hours);
    children.push(factsList(place));
  }
  put(panel, children);
  if (held === "back") back.focus();
  if (held === "retry") panel.querySelector(".retry")?.focus();
}

/** Makes `children` those of `parent`. What is there and stays the same is not replaced: it keeps its place under a finger. */
function put(parent, children) {
  let at = parent.firstElementChild;
  const removeOne = () => {
    const gone = at;
    at = at.nextElementSibling;
    gone.remove();
  };
  for (const child of children) {
    let same = at;
    while (same && !same.isEqualNode(child)) same = same.nextElementSibling;
    if (same) {
      while (at !== same) removeOne();
      at = same.nextElementSibling;
    } else parent.insertBefore(child, at);
  }
  while (at) removeOne();
}

/** Shows "loading", or the error with a button to retry. */
function waiting() {
  if (failed === null) return element("p", "quiet", say("loading"));
  const box = element("p", "warning", `${say("place_failed")} `);
  box.setAttribute("role", "alert");
  const button = Object.assign(element("button", "retry", say("retry")), { type: "button" });
  button.addEventListener("click", askAgain);
  box.append(button);
  return box;
}

function spacesList(live) {
  if (!about) return waiting();
  const list = element("ul", "spaces");
  const numbers = new Map((live?.number?.spaces ?? []).map((number) => [number.space, number]));
  const isRoot = (space) => space.kind === "place";
  for (const space of [...about.spaces].sort((a, b) => isRoot(b) - isRoot(a))) {
    list.append(spaceCard(space, isRoot(space) ? live?.number : numbers.get(space.id), live.now));
  }
  return list.childElementCount ? list : element("p", "quiet", say("no_spaces"));
}

function factsList(place) {
  const list = element("dl", "about");
  const address = [place.address, place.where].filter(Boolean).join(", ");
  if (address) fact(list, "address", address);
  fact(list, "hours", ...hours(place));
  if (place.website) fact(list, "website", safeLink(place.website));
  return list;
}

async function ask() {
  if (!open || about || asking === open || failed === 404) return;
  const id = open;
  asking = id;
  askAgainAt = Date.now() + ASK_AGAIN_MS;
  try {
    const answer = await fetchPlace(id);
    if (id === open) [about, failed] = [answer, null];
  } catch (error) {
    if (id === open) failed = error.status ?? 0;
  } finally {
    if (asking === id) asking = null;
  }
  if (id === open) render();
}

/** Loads the forecast and what can be booked; without an answer the page lacks that section, until the next look. */
function askAhead() {
  const id = open;
  aheadAt = Date.now();
  const take = (put) => (answer) => {
    if (id !== open) return;
    put(answer);
    render();
  };
  fetchForecast(id).then(take((answer) => (ahead = answer)), () => {});
  fetchBookable(id).then(take((answer) => (bookable = answer)), () => {});
}

/** Retries a failed request at once. */
export function askAgain() {
  if (!open || about || failed === null || failed === 404) return;
  failed = null;
  render();
  ask();
}

export const current = () => open;

export function show(id) {
  if (open === id) return;
  [open, about, ahead, bookable, failed] = [id, null, null, null, null];
  panel.hidden = id === null;
  if (id === null) return;
  render();
  panel.scrollTop = 0;
  scrollTo(0, 0); // if the whole page scrolls
  ask();
  askAhead();
}

/** A number of the open place or of one of its spaces changed. */
export function update(batch) {
  for (const place of batch) if (place.id === open) return render();
}

/** Called every second: ages the numbers while disconnected, and retries a failed request. */
export function tick(cut) {
  if (cut && failed === null) render();
  if (failed !== null && Date.now() >= askAgainAt) ask();
  if (open && Date.now() >= aheadAt + AHEAD_MS) askAhead();
}

export { render };

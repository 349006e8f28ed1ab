// Puts the parts together: words, line, places, map, list, details.
import * as coming from "./coming.js";
import * as details from "./details.js";
import * as line from "./line.js";
import * as list from "./list.js";
import * as map from "./map.js";
import * as places from "./places.js";
import { LEVELS, sample } from "./scale.js";
import { TERRITORIES, territoryOf } from "./view.js";
import { clock, figure, levelWords, say, speak, written } from "./words.js";

const $ = (id) => document.getElementById(id);
let cutAt = null;
let opened = false;
let loaded = false;
let settled = false; // every place has a number, or the connection was lost before
let matching = 0;
let announced = 0;
let meeting = 0;
const strangers = new Map();

function aloud(text) {
  $("say").textContent = text;
}

function paintLine() {
  const state = cutAt !== null ? "cut" : opened ? "live" : "opening";
  $("line").dataset.line = state;
  $("line-text").textContent = state === "cut" ? say("line_cut", { time: clock(cutAt) }) : say(`line_${state}`);
}

function paintTotals() {
  const sum = places.totals();
  settled ||= loaded && sum.pending === 0;
  const some = settled && sum.known > 0;
  $("total-present").textContent = some ? `${sum.bands ? "≥ " : ""}${figure(sum.present)}` : "–";
  $("total-free").textContent = some ? figure(sum.free) : "–";
  $("total-maybe").textContent = some && sum.maybe ? ` ${say("free_if_open", { n: sum.maybe })}` : "";
  $("total-live").textContent = settled ? figure(sum.known) : "–";
  $("total-places").textContent = settled ? ` ${say("of", { n: sum.places })}` : "";
  $("total-unknown").textContent = settled ? figure(sum.unknown) : "–";
}

function paintCount() {
  const sum = places.totals(list.filter());
  const known = settled ? [say("count_live", { n: sum.known }), say("count_unknown", { n: sum.unknown })] : [say("pending")];
  $("count").textContent = loaded ? [say("count", { n: sum.places }), ...known].join(" · ") : say("loading");
}

function paintScope() {
  const regions = [...new Set([...places.all()].map((p) => p.region).filter(Boolean))];
  $("scope").textContent = regions.length === 1 ? regions[0] : regions.length > 1 ? "France" : "";
}

function paintLegend() {
  $("legend").replaceChildren(...LEVELS.map((level) => {
    const item = document.createElement("li");
    item.append(sample(level), levelWords(level));
    return item;
  }));
  for (const status of coming.KINDS.filter(coming.count)) {
    const item = document.createElement("li");
    item.append(coming.mark(status), say(status));
    $("legend").append(item);
  }
}

function paintComing() {
  coming.paint($("coming"), list.filter());
}

function paintTerritories() {
  const present = new Set([...places.all()].map(territoryOf));
  const shown = TERRITORIES.filter(({ id }) => present.has(id));
  $("territories").hidden = shown.length < 2;
  $("territories").replaceChildren(...shown.map(({ id }) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: id === "mainland" ? say("mainland") : id });
    button.addEventListener("click", () => map.fitTo(id));
    return button;
  }));
}

function paintWords() {
  paintLine();
  paintTotals();
  paintCount();
  paintScope();
  paintLegend();
  paintComing();
  paintTerritories();
}

places.onChange((batch) => {
  matching = list.update(batch);
  paintTotals();
  paintCount();
  details.update(batch);
  map.redraw(false);
  document.documentElement.dataset.updates = Number(document.documentElement.dataset.updates ?? 0) + 1;
});

async function loadPlaces() {
  for await (const page of line.placePages()) {
    places.setServerTime(page.time);
    page.places.forEach(places.put);
  }
  paintWords();
  map.setDepartments(new Set([...places.all()].map((place) => place.department)));
}

/** Loads the places first, since the stream only has their codes; retried until it succeeds. */
async function begin() {
  try {
    await loadPlaces();
  } catch (error) {
    console.warn("places", error);
    $("notice").textContent = say("load_failed");
    $("notice").hidden = false;
    setTimeout(begin, 3000);
    return;
  }
  $("notice").hidden = true;
  loaded = true;
  map.fitTo();
  follow();
  paintWords();
  loadComing();
  line.listen({ open, hear, cut });
}

/** Without an answer the page lacks these marks, and nothing else. */
async function loadComing() {
  try {
    coming.put(await line.coming());
  } catch (error) {
    console.warn("inventory", error);
    return;
  }
  paintLegend();
  paintComing();
  map.redraw(false);
}

function open() {
  const back = cutAt !== null;
  cutAt = null;
  opened = true;
  paintLine();
  details.askAgain();
  if (back) aloud(say("line_back"));
  setTimeout(() => cutAt === null && places.setCut(false), 500); // after the changes that were missed
}

function hear(number) {
  if (places.hear(number)) return;
  strangers.set(number.place, number); // added to the network after the page was opened
  meeting ||= setTimeout(meet, 1000);
}

async function meet() {
  try {
    await loadPlaces();
    strangers.forEach(places.hear);
  } catch (error) {
    console.warn("places", error);
  }
  strangers.clear();
  meeting = 0;
}

function cut(at) {
  cutAt = at;
  places.setCut(true);
  paintLine();
  aloud($("line-text").textContent);
}

function follow() {
  const id = new URLSearchParams(location.hash.slice(1)).get("place");
  const before = details.current();
  $("pile").hidden = true;
  details.show(id);
  $("browse").hidden = id !== null;
  document.body.classList.toggle("one", id !== null);
  const place = id === null ? null : places.get(id) ?? null;
  map.select(place, true);
  list.markSelected(id);
  if (id !== null && id !== before) {
    $("details").focus({ preventScroll: true });
    if (place) aloud(say("row", { name: place.name, commune: place.commune ?? "", state: list.nowWords(place.now) }));
  } else if (id === null && before !== null) list.focus(before);
}

function wire() {
  addEventListener("hashchange", follow);
  addEventListener("keydown", (e) => {
    if (e.key !== "Escape") return;
    if (!$("pile").hidden) {
      $("pile").hidden = true;
      $("map").focus();
    } else if (details.current() !== null) location.hash = "";
  });
  $("map").addEventListener("pointerdown", () => ($("pile").hidden = true));
  $("turn").addEventListener("click", () => turn(!document.body.classList.contains("mapped")));
  $("filter").addEventListener("submit", (e) => e.preventDefault());
  $("search").addEventListener("input", () => {
    matching = list.setSearch($("search").value);
    paintCount();
    map.setShown(list.filter());
    paintComing();
    clearTimeout(announced);
    announced = setTimeout(() => aloud(say("count", { n: matching })), 600);
  });
  $("search").addEventListener("keydown", (e) => {
    if (e.key === "ArrowDown") {
      e.preventDefault();
      list.focus(null);
    }
  });
  $("sort").addEventListener("change", () => list.setOrder($("sort").value));
  $("zoom-in").addEventListener("click", () => map.zoomBy(1.6));
  $("zoom-out").addEventListener("click", () => map.zoomBy(1 / 1.6));
  $("zoom-all").addEventListener("click", () => map.fitTo());
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => {
      speak(button.dataset.language, true);
      list.repaint();
      details.render();
      turn(document.body.classList.contains("mapped"));
      paintWords();
    });
  }
  if (matchMedia("(max-width: 760px)").matches) document.querySelector(".legend").open = false;
}

/** On a screen too low for both, shows either the map or the list. */
function turn(mapped) {
  document.body.classList.toggle("mapped", mapped);
  $("turn").dataset.word = mapped ? "show_list" : "show_map";
  $("turn").textContent = say($("turn").dataset.word);
}

/** Lists the places of a pile beside it, as links. */
function unpile(pile, x, y) {
  const close = Object.assign(document.createElement("button"), { type: "button", className: "close", textContent: "×" });
  close.setAttribute("aria-label", say("close"));
  close.addEventListener("click", () => ($("pile").hidden = true));
  const links = pile[0].coming ? pile.map(comingLine) : [...pile].sort((a, b) => (b.now.free ?? -1) - (a.now.free ?? -1)).map((place) => {
    const link = Object.assign(document.createElement("a"), { href: `#place=${encodeURIComponent(place.id)}` });
    const state = Object.assign(document.createElement("span"), { className: "state", textContent: list.stateWords(place.now) });
    link.dataset.level = place.now.level;
    link.append(place.name, " ", state);
    return link;
  });
  const box = $("pile");
  box.replaceChildren(close, ...links);
  box.hidden = false;
  box.style.setProperty("left", `${Math.max(0, Math.min(x, $("map").clientWidth - box.offsetWidth - 8))}px`);
  box.style.setProperty("top", `${Math.max(0, Math.min(y, $("map").clientHeight - box.offsetHeight - 8))}px`);
  (pile[0].coming ? close : links[0]).focus();
}

function comingLine(one) {
  const row = Object.assign(document.createElement("p"), { className: "coming" });
  row.append(coming.mark(one.status), Object.assign(document.createElement("span"), { textContent: [one.name, one.where].filter(Boolean).join(", ") }),
    Object.assign(document.createElement("span"), { className: "state", textContent: say(one.status) }));
  return row;
}

function hint(pile, x, y) {
  const box = $("hint");
  box.hidden = !pile;
  if (!pile) return;
  if (pile[0].coming) box.textContent = pile.map(coming.words).join(", ");
  else box.textContent = pile.length > 1 ? say("pile", { n: pile.length }) : `${pile[0].name} – ${list.nowWords(pile[0].now)}`;
  box.style.setProperty("left", `${x}px`);
  box.style.setProperty("top", `${y}px`);
  box.classList.toggle("left", x > $("map").clientWidth / 2);
}

speak(written());
wire();
paintWords();
map.start({ url: new URL("./outline.json", import.meta.url), pick: (place) => (location.hash = `place=${encodeURIComponent(place.id)}`), unpile, hint });
setInterval(() => {
  places.age(); // places close and bookings begin without an event
  details.tick(cutAt !== null);
  list.calmSort();
}, 1000);
begin();

// Puts the parts together: words, line, places, map, list, details.
import * as details from "./details.js";
import * as line from "./line.js";
import * as list from "./list.js";
import * as map from "./map.js";
import * as places from "./places.js";
import { LEVELS, sample } from "./scale.js";
import { TERRITORIES, territoryOf } from "./view.js";
import { chosen, clock, figure, levelWords, say, speak } from "./words.js";

const $ = (id) => document.getElementById(id);
let cutAt = null;
let opened = false;
let loaded = false;
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
  const some = loaded && sum.known > 0;
  $("total-present").textContent = some ? figure(sum.present) : "–";
  $("total-free").textContent = some ? figure(sum.free) : "–";
  $("total-maybe").textContent = some && sum.maybe ? ` ${say("free_if_open", { n: sum.maybe })}` : "";
  $("total-live").textContent = loaded ? figure(sum.known) : "–";
  $("total-places").textContent = loaded ? ` ${say("of", { n: places.count() })}` : "";
  $("total-unknown").textContent = loaded ? figure(sum.unknown) : "–";
}

function paintCount() {
  const keep = list.filter();
  let known = 0;
  for (const place of places.all()) if (place.now.known && keep(place)) known += 1;
  $("count").textContent = loaded ? [say("count", { n: matching }), say("count_live", { n: known }), say("count_unknown", { n: matching - known })].join(" · ") : say("loading");
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

/** The places first, for the stream only names them; tried until it succeeds. */
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
  line.listen({ open, hear, cut });
}

function open() {
  const back = cutAt !== null;
  cutAt = null;
  opened = true;
  paintLine();
  if (back) aloud(say("line_back"));
  setTimeout(() => cutAt === null && places.setCut(false), 500); // what changed meanwhile comes first
}

function hear(number) {
  if (places.hear(number)) return;
  strangers.set(number.place, number); // it came to the network since the page was opened
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
    if (e.key === "Escape" && details.current() !== null) location.hash = "";
  });
  $("filter").addEventListener("submit", (e) => e.preventDefault());
  $("search").addEventListener("input", () => {
    matching = list.setSearch($("search").value);
    paintCount();
    map.setShown(list.filter());
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
      paintWords();
    });
  }
  if (matchMedia("(max-width: 760px)").matches) document.querySelector(".legend").open = false;
}

function hint(place, x, y) {
  const box = $("hint");
  box.hidden = !place;
  if (!place) return;
  box.textContent = `${place.name} – ${list.nowWords(place.now)}`;
  box.style.setProperty("left", `${x}px`);
  box.style.setProperty("top", `${y}px`);
  box.classList.toggle("left", x > $("map").clientWidth / 2);
}

speak(chosen());
wire();
paintWords();
map.start({ url: new URL("./outline.json", import.meta.url), pick: (place) => (location.hash = `place=${encodeURIComponent(place.id)}`), hint }).catch((error) => console.warn("outline", error));
setInterval(() => {
  places.age(); // hours turn and bookings begin without any news
  details.tick(cutAt !== null);
  list.calmSort();
}, 1000);
begin();

// What can be booked at a place, and when it is free next: GET /v1/places/{id}/bookable. Nobody's name is in it.
import { say, soon } from "./words.js";

/** As text, whether something is free: "free until 14:00", "2 of 3 free", "free on Monday at 9:00". */
function freeWords({ units, free, changes_at: changes }, at, zone, now) {
  const time = changes === null ? null : soon(Date.parse(changes), zone, now);
  const later = Date.parse(at) > now + 60_000;
  if (!free) return time === null ? say("slot_none") : say("slot_taken", { time });
  if (later) return say("slot_from", { time: soon(Date.parse(at), zone, now) });
  if (units > 1) return say("slot_some", { n: free, units });
  return time === null ? say("slot_free") : say("slot_until", { time });
}

function line(name, words, more) {
  const item = document.createElement("li");
  const what = document.createElement("span");
  what.append(name);
  if (more) what.append(Object.assign(document.createElement("span"), { className: "quiet", textContent: ` ${more}` }));
  item.append(what, Object.assign(document.createElement("span"), { className: "state", textContent: words }));
  return item;
}

/** The section of a place; null where nothing can be booked. */
export function bookableSection({ at, resources, events }, zone, now) {
  if (!resources.length && !events.length) return null;
  const section = document.createElement("section");
  section.className = "bookable";
  const list = document.createElement("ul");
  list.append(
    ...resources.map((one) => line(one.name, freeWords(one, at, zone, now))),
    ...events.map((one) => line(one.name, say(one.full ? "event_full" : "event_open"), soon(Date.parse(one.from), zone, now))),
  );
  section.append(Object.assign(document.createElement("h3"), { className: "section", textContent: say("bookable") }), list);
  return section;
}

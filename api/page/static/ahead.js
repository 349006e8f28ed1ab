// The last and the next hours of one place: a bar for each hour, as wide as what is expected, and the same as a table.
import { hourOf, percent, say } from "./words.js";

const PAST_HOURS = 6;
const NEXT_HOURS = 14;
const HOUR = 3_600_000;
const WIDTH = 16; // of one hour, in units of the drawing
const HEIGHT = 84;
const SVG = "http://www.w3.org/2000/svg";

function drawn(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const mean = (values) => (values.length && values.every((value) => value !== null) ? values.reduce((sum, value) => sum + value, 0) / values.length : null);

/** One line for each hour: of the past what was seen, of the future what is expected. */
function hoursOf(answer, now) {
  const from = Math.floor(now / HOUR) * HOUR;
  const found = [];
  for (let start = from - PAST_HOURS * HOUR; start < from + NEXT_HOURS * HOUR; start += HOUR) {
    const within = ({ at }) => Date.parse(at) >= start && Date.parse(at) < start + HOUR;
    const past = start < from;
    const rows = (past ? answer.past : answer.ahead).filter(within);
    const known = rows.length > 0 && rows.every((row) => row.low !== null);
    found.push({
      start,
      past,
      current: start === from,
      closed: !past && rows.length > 0 && rows.every((row) => row.open === false),
      middle: known ? mean(rows.map((row) => (past ? row.mean : row.median))) : null,
      low: known ? Math.min(...rows.map((row) => row.low)) : null,
      high: known ? (rows.some((row) => row.high === null) ? null : Math.max(...rows.map((row) => row.high))) : null,
      known,
      chance: known && !past ? mean(rows.map((row) => row.chance)) : null,
    });
  }
  return found;
}

function people(hour) {
  if (hour.closed) return say("closed");
  if (!hour.known) return say("unknown");
  const low = Math.round(hour.low);
  if (hour.high === null) return say("ahead_from", { low });
  const high = Math.round(hour.high);
  return low === high ? String(low) : say("ahead_between", { low, high });
}

function picture(hours, most, zone) {
  const width = WIDTH * hours.length;
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${HEIGHT + 16}`, class: "ahead", role: "img" });
  svg.setAttribute("aria-label", say("ahead_picture"));
  const y = (count) => HEIGHT - (Math.min(count, most) / most) * (HEIGHT - 4);
  svg.append(drawn("line", { x1: 0, x2: width, y1: HEIGHT, y2: HEIGHT, class: "ground" }));
  svg.append(drawn("line", { x1: 0, x2: width, y1: y(most), y2: y(most), class: "most" }));
  hours.forEach((hour, index) => {
    const x = index * WIDTH;
    const column = drawn("g", { class: hour.past ? "past" : hour.closed ? "shut" : "next" });
    const title = drawn("title", {});
    title.textContent = `${hourOf(hour.start, zone)} · ${people(hour)}${hour.chance === null || hour.closed ? "" : ` · ${say("ahead_chance", { share: percent(hour.chance) })}`}`;
    column.append(title, drawn("rect", { x, y: 0, width: WIDTH, height: HEIGHT, class: hour.current ? "hour now" : "hour" }));
    if (hour.known && !hour.closed) {
      const top = y(hour.high ?? most);
      column.append(drawn("rect", { x: x + 2, y: top, width: WIDTH - 4, height: Math.max(2, y(hour.low) - top), rx: 2, class: "range" }));
      if (hour.middle !== null) column.append(drawn("rect", { x: x + 2, y: y(hour.middle) - 1.5, width: WIDTH - 4, height: 3, class: "middle" }));
    } else if (!hour.closed) column.append(drawn("line", { x1: x + 4, x2: x + WIDTH - 4, y1: HEIGHT - 6, y2: HEIGHT - 6, class: "nothing-known" }));
    svg.append(column);
    if (index % 4 === PAST_HOURS % 4) {
      const text = drawn("text", { x: x + WIDTH / 2, y: HEIGHT + 13 });
      text.textContent = hourOf(hour.start, zone);
      svg.append(text);
    }
  });
  return svg;
}

function table(hours, zone) {
  const hidden = document.createElement("div"); // a table itself grows beyond the size of what is hidden
  hidden.className = "hidden";
  const made = document.createElement("table");
  hidden.append(made);
  made.createCaption().textContent = say("ahead_picture");
  const head = made.createTHead().insertRow();
  for (const key of ["ahead_hour", "ahead_people", "ahead_seat"]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = say(key);
    head.append(cell);
  }
  const body = made.createTBody();
  for (const hour of hours) {
    const row = body.insertRow();
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = hourOf(hour.start, zone) + (hour.current ? ` (${say("ahead_now")})` : "");
    row.append(name);
    row.insertCell().textContent = people(hour);
    row.insertCell().textContent = hour.closed || hour.chance === null ? "–" : percent(hour.chance);
  }
  return hidden;
}

/** The section of a place's page for GET /v1/places/{id}/forecast; null where nothing is known of the hours. */
export function aheadSection(answer, zone, now) {
  const hours = hoursOf(answer, now);
  if (!hours.some((hour) => hour.known)) return null;
  const most = Math.max(answer.capacity ?? 0, ...hours.map((hour) => hour.high ?? 0), 1);
  const section = document.createElement("section");
  const title = document.createElement("h3");
  title.className = "section";
  title.textContent = say("ahead");
  const legend = document.createElement("p");
  legend.className = "facts";
  const next = hours.find((hour) => hour.start > now && !hour.closed && hour.chance !== null);
  const expected = hours.some((hour) => hour.known && hour.start > now);
  legend.textContent = !expected ? say("ahead_none") : `${say("ahead_legend", { n: most })}${next ? ` ${say("ahead_next", { time: hourOf(next.start, zone), share: percent(next.chance) })}` : ""}`;
  section.append(title, picture(hours, most, zone), table(hours, zone), legend);
  return section;
}

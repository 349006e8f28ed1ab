// Places in preparation and buildings that could become one: marked on the map and listed, never with seats.
import { fold } from "./places.js";
import { mercator } from "./view.js";
import { say } from "./words.js";

export const KINDS = ["preparation", "building"];
const SIZE = 5; // pixels from the middle of a mark to its corner
let all = [];

export const count = (status) => all.filter((one) => one.status === status).length;

/** Takes the rows of /v1/inventory. */
export function put(rows) {
  all = rows.filter(({ status }) => KINDS.includes(status)).map((row) => {
    const where = [row.postcode, row.commune].filter(Boolean).join(" ");
    return { ...row, where, coming: true, mercator: mercator(row.longitude, row.latitude), key: ` ${fold([row.name, where, row.department, row.region].filter(Boolean).join(" "))}` };
  });
}

/** The words for a mark: "Name – in preparation". */
export const words = (one) => `${one.name} – ${say(one.status)}`;

/** Draws a mark: a square for a place in preparation, a smaller one that stands on its corner for a building. */
function draw(context, { status, screen: [x, y] }, colours) {
  context.beginPath();
  if (status === "preparation") context.rect(x - SIZE + 0.5, y - SIZE + 0.5, 2 * SIZE - 1, 2 * SIZE - 1);
  else {
    context.moveTo(x, y - SIZE);
    for (const [dx, dy] of [[SIZE, 0], [0, SIZE], [-SIZE, 0]]) context.lineTo(x + dx, y + dy);
    context.closePath();
  }
  context.fillStyle = colours.paper;
  context.fill();
  context.lineWidth = 1.75;
  context.strokeStyle = colours.coming;
  context.stroke();
}

/** Draws those that are `shown` and within the view; others can't be pointed at. */
export function drawAll(context, view, colours, shown) {
  for (const one of all) {
    const [x, y] = view.at(one.mercator);
    const inside = x > -SIZE && y > -SIZE && x < view.width + SIZE && y < view.height + SIZE;
    one.screen = inside && shown(one) ? [x, y] : null;
    if (one.screen) draw(context, one, colours);
  }
}

/** Those under a point; null: none. */
export function near(px, py) {
  const found = all.filter(({ screen }) => screen && Math.hypot(screen[0] - px, screen[1] - py) <= SIZE + 7);
  return found.length ? { at: found[0].screen, places: found } : null;
}

/** A mark for the legend. */
export function mark(status) {
  const box = document.createElement("span");
  box.className = `mark ${status}`;
  box.setAttribute("aria-hidden", "true");
  return box;
}

/** The list below the places: name, commune and what it is. */
export function paint(box, shown) {
  const rows = all.filter(shown);
  box.hidden = !rows.length;
  box.querySelector("summary").textContent = say("coming", { n: rows.length });
  box.querySelector("ul").replaceChildren(...rows.map((one) => {
    const item = document.createElement("li");
    const what = Object.assign(document.createElement("span"), { className: "state", textContent: say(one.status) });
    item.append(mark(one.status), Object.assign(document.createElement("span"), { textContent: [one.name, one.where].filter(Boolean).join(", ") }), what);
    return item;
  }));
}

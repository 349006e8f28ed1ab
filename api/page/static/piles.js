// Places whose dots would overlap form a pile: a ring of their levels around their number.
import { LEVELS } from "./scale.js";

/** Groups places that are closer than `reach` pixels by their `screen` position; most piles have one place. */
export function gather(places, reach) {
  const cells = new Map();
  const piles = [];
  for (const place of places) {
    const [x, y] = place.screen;
    const [column, line] = [Math.floor(x / reach), Math.floor(y / reach)];
    let near = null;
    let least = reach ** 2;
    for (let i = column - 1; i <= column + 1; i++) {
      for (let j = line - 1; j <= line + 1; j++) {
        for (const pile of cells.get(`${i} ${j}`) ?? []) {
          const distance = (pile.first[0] - x) ** 2 + (pile.first[1] - y) ** 2;
          if (distance < least) [near, least] = [pile, distance];
        }
      }
    }
    if (near) near.places.push(place);
    else {
      near = { first: [x, y], places: [place] };
      piles.push(near);
      cells.set(`${column} ${line}`, [...(cells.get(`${column} ${line}`) ?? []), near]);
    }
  }
  for (const pile of piles) {
    const mean = (axis) => pile.places.reduce((sum, place) => sum + place.screen[axis], 0) / pile.places.length;
    pile.at = [mean(0), mean(1)];
    for (const place of pile.places) place.spot = pile.at;
  }
  return piles;
}

/** The radius of a pile where a single dot has `r`. */
export const pileRadius = (pile, r) => (pile.places.length === 1 ? r : Math.max(r + 2, 7.5) + Math.min(Math.log2(pile.places.length), 5));

export function drawPile(context, { at: [x, y], places }, radius, colours) {
  const band = 3.5;
  context.beginPath();
  context.arc(x, y, radius + 1, 0, 7);
  context.fillStyle = colours.paper;
  context.fill();
  context.lineWidth = band;
  let from = -Math.PI / 2;
  for (const level of [...LEVELS, "none", "pending"]) {
    const count = places.filter((place) => place.now.level === level).length;
    if (!count) continue;
    const to = from + (count / places.length) * 2 * Math.PI;
    context.beginPath();
    context.arc(x, y, radius - band / 2, from, to);
    context.strokeStyle = colours.levels[level] ?? colours[level] ?? colours.unknown;
    context.stroke();
    from = to;
  }
  context.font = `600 ${places.length > 99 ? 9 : 10}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = colours.ink;
  context.fillText(String(places.length), x, y + 0.5);
}

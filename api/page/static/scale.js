// The levels of occupancy: five, and "none" (no capacity known), "closed" and "unknown" (no fresh number). Not by colour
// alone: a dot's wedge grows with fullness, a closed place is a ring with a bar, an unknown one a dashed empty ring.
export const STEPS = [0, 1, 2, 3, 4];
export const LEVELS = [...STEPS, "closed", "unknown"];

/** The step of a share of capacity taken, 0…1 (more than 1 is full). */
export function levelOf(share) {
  if (share === null) return "none";
  return share >= 1 ? 4 : Math.floor(Math.max(0, share) * 4);
}

/** The step of a band of people; "none" where it covers more than one. */
export function levelOfBand({ from, to }, size) {
  if (!(size > 0)) return "none";
  const least = levelOf(from / size);
  return to !== null && levelOf(to / size) === least ? least : from > 0 ? least : "none";
}

/** A dot as an SVG picture, for the legend: the same shape as on the map. */
export function sample(level) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "-10 -10 20 20");
  svg.setAttribute("class", "dot");
  svg.setAttribute("aria-hidden", "true");
  svg.dataset.level = level;
  const ring = document.createElementNS(ns, "circle");
  ring.setAttribute("r", 8);
  svg.append(ring);
  if (level === "unknown") {
    const mark = document.createElementNS(ns, "text");
    mark.setAttribute("y", 4.2);
    mark.textContent = "?";
    svg.append(mark);
  } else if (level === "closed") {
    const bar = document.createElementNS(ns, "path");
    bar.setAttribute("d", "M-4.5 0H4.5");
    svg.append(bar);
  } else if (level !== "none") {
    const share = [0.12, 0.375, 0.625, 0.875, 1][level];
    const wedge = document.createElementNS(ns, share === 1 ? "circle" : "path");
    if (share === 1) wedge.setAttribute("r", 8);
    else {
      const a = share * 2 * Math.PI;
      wedge.setAttribute("d", `M0 0V-8A8 8 0 ${share > 0.5 ? 1 : 0} 1 ${(8 * Math.sin(a)).toFixed(2)} ${(-8 * Math.cos(a)).toFixed(2)}Z`);
    }
    wedge.setAttribute("class", "wedge");
    svg.append(wedge);
  }
  return svg;
}

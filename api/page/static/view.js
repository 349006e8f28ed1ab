// The Mercator projection, and the visible part of it in CSS pixels.
export const MAX_SCALE = 4_000_000; // pixels a radian: about 1.6 m a pixel
const RADIANS = Math.PI / 180;
export const mercator = (longitude, latitude) => [longitude * RADIANS, -Math.asinh(Math.tan(latitude * RADIANS))];

export const TERRITORIES = [ // west, south, east, north
  { id: "mainland", box: [-6, 41, 10, 51.5] },
  { id: "Guadeloupe", box: [-62.5, 15.5, -60.8, 16.8] },
  { id: "Martinique", box: [-61.4, 14.2, -60.6, 15.1] },
  { id: "Guyane", box: [-55, 1.5, -51, 6.2] },
  { id: "La Réunion", box: [54.9, -21.6, 56.1, -20.6] },
  { id: "Mayotte", box: [44.8, -13.2, 45.5, -12.4] },
];

export const territoryOf = ({ longitude, latitude }) =>
  TERRITORIES.find(({ box: [w, s, e, n] }) => longitude >= w && longitude <= e && latitude >= s && latitude <= n)?.id ?? "mainland";

export class View {
  constructor() {
    Object.assign(this, { x: 0.04, y: -0.91, scale: 2000, width: 1, height: 1, fitted: 2000 });
  }

  /** Screen position of a Mercator point. */
  at([x, y]) {
    return [(x - this.x) * this.scale + this.width / 2, (y - this.y) * this.scale + this.height / 2];
  }

  fit(points, margin = 36) {
    if (!points.length) return;
    const xs = points.map((p) => p[0]);
    const ys = points.map((p) => p[1]);
    const [w, e, n, s] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const least = 0.008; // about 35 km, for a network of one place
    this.x = (w + e) / 2;
    this.y = (n + s) / 2;
    this.scale = Math.min((this.width - 2 * margin) / Math.max(e - w, least), (this.height - 2 * margin) / Math.max(s - n, least));
    this.scale = this.fitted = Math.max(this.scale, 200);
  }

  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const scale = Math.min(Math.max(this.scale * factor, 300), MAX_SCALE);
    const dx = px - this.width / 2;
    const dy = py - this.height / 2;
    this.x += dx / this.scale - dx / scale;
    this.y += dy / this.scale - dy / scale;
    this.scale = scale;
  }

  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
  }

  centre([x, y], scale = this.scale) {
    Object.assign(this, { x, y, scale });
  }
}

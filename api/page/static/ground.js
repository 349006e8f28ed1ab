// The ground under the dots: neighbours' land, departments, regions' borders, drawn from outline.json.
import { mercator } from "./view.js";

function unpack(packed, unit) {
  const points = [];
  let x = 0;
  let y = 0;
  for (let i = 0; i < packed.length; i += 2) {
    x += packed[i];
    y += packed[i + 1];
    points.push(mercator(x * unit, y * unit));
  }
  return points;
}

function trace(path, points, closed) {
  points.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
  if (closed) path.closePath();
}

function middle(ring) {
  let area = 0;
  let cx = 0;
  let cy = 0;
  ring.forEach(([ax, ay], i) => {
    const [bx, by] = ring[(i + 1) % ring.length];
    const cross = ax * by - bx * ay;
    area += cross;
    cx += (ax + bx) * cross;
    cy += (ay + by) * cross;
  });
  return { area: Math.abs(area), at: [cx / (3 * area), cy / (3 * area)] };
}

export async function loadGround(url) {
  const outline = await (await fetch(url)).json();
  const ground = { land: new Path2D(), lit: new Path2D(), dim: new Path2D(), regions: new Path2D(), departments: [] };
  for (const ring of outline.land) trace(ground.land, unpack(ring, outline.unit), true);
  for (const line of outline.regions) trace(ground.regions, unpack(line, outline.unit), false);
  for (const department of outline.departments) {
    const rings = department.rings.map((ring) => unpack(ring, outline.unit));
    const path = new Path2D();
    for (const ring of rings) trace(path, ring, true);
    const largest = rings.map(middle).reduce((a, b) => (b.area > a.area ? b : a));
    ground.departments.push({ code: department.code, name: department.name, path, at: largest.at, size: Math.sqrt(largest.area) });
  }
  return ground;
}

/** Highlights the departments with places of the network. */
export function light(ground, codes) {
  ground.lit = new Path2D();
  ground.dim = new Path2D();
  for (const department of ground.departments) {
    department.lit = codes.size === 0 || codes.has(department.code);
    (department.lit ? ground.lit : ground.dim).addPath(department.path);
  }
}

/** Draws the ground; if there are many dots (`crowded`), only names with much room. */
export function drawGround(canvas, ground, view, colours, ratio, crowded) {
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = colours.sea;
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (!ground) return;
  const k = view.scale * ratio;
  context.setTransform(k, 0, 0, k, (view.width / 2) * ratio - view.x * k, (view.height / 2) * ratio - view.y * k);
  context.lineJoin = context.lineCap = "round";
  context.fillStyle = colours.land;
  context.fill(ground.land);
  context.lineWidth = 0.8 / view.scale;
  context.strokeStyle = colours.department;
  for (const [path, colour] of [[ground.dim, colours.dim], [ground.lit, colours.country]]) {
    context.fillStyle = colour;
    context.fill(path);
    context.stroke(path);
  }
  context.strokeStyle = colours.region;
  context.lineWidth = 1.4 / view.scale;
  context.stroke(ground.regions);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = "500 11.5px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = colours.name;
  for (const { name, at, size } of ground.departments) {
    if (size * view.scale * (crowded ? 0.4 : 0.8) < name.length * 6.2) continue; // it wouldn't fit
    const [x, y] = view.at(at);
    if (x > -60 && y > -20 && x < view.width + 60 && y < view.height + 20) context.fillText(name, x, y);
  }
}

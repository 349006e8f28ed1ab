// Draws a place's plan: what is dragged or moved by keyboard is written into the form's numbers, which alone are saved.
const SVG = "http://www.w3.org/2000/svg";
const STEP = 10;
const SNAP = 5;
const form = document.getElementById("numbers");
const drawing = document.getElementById("drawing");
const told = document.getElementById("told");
const back = document.getElementById("undo");
const inputs = [...form.querySelectorAll("input[type=number]")];
const before = []; // the numbers before each step
let last = inputs.map((one) => one.value);

const field = (name) => form.elements.namedItem(name);
const size = (name) => Number(field(name).value) || 0;

const shapes = [...form.querySelectorAll("tr[data-space], tr[data-desk]")].map((row) => {
  const kind = row.dataset.space === undefined ? "desk" : "space";
  const code = row.dataset[kind];
  const shape = { kind, code, of: row.dataset.of, name: row.dataset.name, group: document.createElementNS(SVG, "g") };
  shape.get = (name) => size(`${kind}.${code}.${name}`);
  shape.set = (name, value) => (field(`${kind}.${code}.${name}`).value = Math.round(value));
  return shape;
});

function add(group, name, kind) {
  const one = document.createElementNS(SVG, name);
  if (kind) one.setAttribute("class", kind);
  group.append(one);
  return one;
}

function put(one, values) {
  for (const [name, value] of Object.entries(values)) one.setAttribute(name, value);
}

function draw() {
  drawing.setAttribute("viewBox", `0 0 ${size("width")} ${size("height")}`);
  for (const shape of shapes) {
    const [x, y, width, height] = ["x", "y", "width", "height"].map(shape.get);
    put(shape.box, { x, y, width, height, rx: 5 });
    if (shape.kind === "desk") {
      shape.box.setAttribute("transform", `rotate(${shape.get("rotation")} ${x + width / 2} ${y + height / 2})`);
      put(shape.text, { x: x + width / 2, y: y + height / 2 + 6 });
    } else {
      put(shape.text, { x: x + 12, y: y + 27 });
      put(shape.grip, { x: x + width - 24, y: y + height - 24, width: 24, height: 24 });
    }
    shape.group.setAttribute("aria-label", words(shape));
  }
}

const words = (shape) =>
  drawing.dataset.at.replace("{name}", shape.name).replace(/\{(x|y|width|height)\}/g, (_, name) => shape.get(name));

/** Remembers the numbers before a step, so that it can be taken back. */
function step() {
  before.push(inputs.map((one) => one.value));
  back.disabled = false;
}

function undo() {
  const values = before.pop();
  if (!values) return;
  inputs.forEach((one, index) => (one.value = values[index]));
  back.disabled = before.length === 0;
  changed();
}

function changed(shape) {
  last = inputs.map((one) => one.value);
  draw();
  if (shape) told.textContent = words(shape);
}

const within = (value, most) => Math.max(0, Math.min(value, most));

/** Moves a shape; a space takes its desks along. */
function move(shape, x, y) {
  const to = [within(x, size("width") - shape.get("width")), within(y, size("height") - shape.get("height"))];
  const by = [to[0] - shape.get("x"), to[1] - shape.get("y")];
  for (const one of [shape, ...shapes.filter((desk) => shape.kind === "space" && desk.of === shape.code)]) {
    one.set("x", within(one.get("x") + by[0], size("width") - one.get("width")));
    one.set("y", within(one.get("y") + by[1], size("height") - one.get("height")));
  }
}

function resize(shape, width, height) {
  shape.set("width", Math.max(20, Math.min(width, size("width") - shape.get("x"))));
  shape.set("height", Math.max(20, Math.min(height, size("height") - shape.get("y"))));
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function typed(event, shape) {
  const by = ARROWS[event.key];
  const far = event.altKey ? 1 : STEP;
  if (by && event.shiftKey) {
    step();
    resize(shape, shape.get("width") + by[0] * far, shape.get("height") + by[1] * far);
  } else if (by) {
    step();
    move(shape, shape.get("x") + by[0] * far, shape.get("y") + by[1] * far);
  } else if (event.key.toLowerCase() === "r" && shape.kind === "desk" && !event.ctrlKey && !event.metaKey) {
    step();
    shape.set("rotation", (shape.get("rotation") + 45) % 360);
  } else {
    return;
  }
  event.preventDefault();
  changed(shape);
}

const place = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
const snapped = (value) => Math.round(value / SNAP) * SNAP;

function grabbed(event, shape) {
  const from = place(event);
  const sizes = event.target === shape.grip;
  const names = sizes ? ["width", "height"] : ["x", "y"];
  const at = names.map(shape.get);
  let moved = false;
  const drag = (next) => {
    const to = place(next);
    if (!moved) step();
    moved = true;
    (sizes ? resize : move)(shape, snapped(at[0] + to.x - from.x), snapped(at[1] + to.y - from.y));
    changed();
  };
  shape.group.setPointerCapture(event.pointerId);
  shape.group.addEventListener("pointermove", drag);
  const end = () => {
    shape.group.removeEventListener("pointermove", drag);
    if (moved) changed(shape);
  };
  for (const over of ["pointerup", "pointercancel"]) shape.group.addEventListener(over, end, { once: true });
}

for (const shape of [...shapes].sort((one, other) => (one.kind < other.kind) - (one.kind > other.kind) || 0)) {
  shape.group.setAttribute("class", shape.kind);
  put(shape.group, { tabindex: 0, role: "button" });
  shape.box = add(shape.group, "rect");
  shape.text = add(shape.group, "text", "name");
  if (shape.kind === "space" && shape.name.length * 13 > shape.get("width") - 12) shape.text.classList.add("small");
  shape.text.textContent = shape.kind === "desk" ? shape.name.replace(/^\D*(?=\d)/, "").slice(0, 5) : shape.name;
  if (shape.kind === "space") shape.grip = add(shape.group, "rect", "grip");
  shape.group.addEventListener("keydown", (event) => typed(event, shape));
  shape.group.addEventListener("pointerdown", (event) => grabbed(event, shape));
  drawing.append(shape.group);
}
form.addEventListener("change", () => {
  before.push(last);
  back.disabled = false;
  changed();
});
back.addEventListener("click", undo);
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !(event.target instanceof HTMLInputElement)) {
    event.preventDefault();
    undo();
  }
});
document.getElementById("editor").hidden = false;
draw();

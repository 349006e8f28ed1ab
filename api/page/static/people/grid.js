// The calendar of bookings: bookings are dragged, made longer and drawn, by pointer and by keyboard. Each change is asked of the
// server, which says in words what it did or why not. Without this script the forms of the booking's page do the same.
const box = document.querySelector("#grid");
const place = box.dataset.place;
const status = document.querySelector("#said");
const problem = document.querySelector("#problem");
const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", timeZone: box.dataset.zone });
const QUARTER = 15 * 60_000;
const writes = "writes" in box.dataset;
const undone = [];
let pressed = false; // a finger is on the table
let mode = null; // what is under way: {kind: "move" | "end" | "draw", …}
let table = null;

// --- where things are: rows of the table, quarters of the day
function rows() {
  return [...table.querySelectorAll("tr[data-target]")];
}
function cellsOf(row) {
  let at = 0;
  return [...row.querySelectorAll("td")].map((cell) => {
    const first = at;
    at += cell.colSpan;
    return { cell, first, last: at };
  });
}
function placeOf(cell) {
  const row = cell.closest("tr");
  return { row, number: rows().indexOf(row), ...cellsOf(row).find((one) => one.cell === cell) };
}
const columns = () => (table.dataset.view === "day" ? Number(table.dataset.quarters) : 7);
const momentAt = (quarter) => new Date(Date.parse(table.dataset.start) + quarter * QUARTER);
const quarterAt = (moment) => Math.round((Date.parse(moment) - Date.parse(table.dataset.start)) / QUARTER);
const words = (from, until) => `${clock.format(from)} – ${clock.format(until)}`;
const nameOf = (row) => row.dataset.name;
function say(text) {
  status.textContent = text;
}

// --- the cell that the keyboard is at: one of the table is in the order of tabs
function focusable(cell) {
  return cell.querySelector("a") ?? cell;
}
function stops() {
  for (const one of table.querySelectorAll("td")) {
    const target = focusable(one);
    target.tabIndex = -1;
    for (const other of one.querySelectorAll("a")) other.tabIndex = -1;
  }
  for (const one of table.querySelectorAll("th[scope=row] a")) one.tabIndex = -1; // a free cell of the row does the same
  const first = table.querySelector("td.taken") ?? table.querySelector("td");
  if (first) focusable(first).tabIndex = 0;
}
function land(target) {
  for (const one of table.querySelectorAll("td[tabindex='0'], td a[tabindex='0']")) one.tabIndex = -1;
  target.tabIndex = 0;
  target.focus();
  target.scrollIntoView({ block: "nearest", inline: "nearest" });
}
function go(cell) {
  if (!cell) return;
  const target = focusable(cell);
  if (target === cell) label(cell);
  land(target);
}
function within(cell, link, down) { // a day of a week may hold several bookings
  const links = [...cell.querySelectorAll("a")];
  return down && links.includes(link) ? links[links.indexOf(link) + down] : null;
}
function label(cell) {
  const { row, first } = placeOf(cell);
  if (table.dataset.view === "day") {
    const kind = cell.classList.contains("o") ? box.dataset.free : box.dataset.shut;
    cell.setAttribute("aria-label", `${nameOf(row)}, ${clock.format(momentAt(first))}, ${kind}`);
  } else if (!cell.querySelector("a")) {
    cell.setAttribute("aria-label", `${nameOf(row)}, ${table.tHead.rows[0].cells[first + 1].textContent.trim()}`);
  }
}
function neighbour(cell, down, right) {
  const { number, first, last } = placeOf(cell);
  const all = rows();
  if (down) {
    const row = all[Math.min(all.length - 1, Math.max(0, number + down))];
    return cellsOf(row).find((one) => one.first <= first && one.last > first)?.cell;
  }
  const wanted = right > 0 ? last : first - 1;
  return cellsOf(all[number]).find((one) => one.first <= wanted && one.last > wanted)?.cell;
}

// --- what is asked of the server
async function send(ref, fields) {
  say(box.dataset.sending);
  problem.replaceChildren();
  const once = [...crypto.getRandomValues(new Uint8Array(12))].map((one) => one.toString(16).padStart(2, "0")).join("");
  try {
    const answer = await fetch(`/manage/${place}/bookings/${ref}/move`, {
      method: "POST",
      headers: { accept: "application/json" },
      body: new URLSearchParams({ ...fields, once }),
    });
    if (answer.status === 401) return location.reload(); // signed out: the page asks to sign in, and comes back here
    const said = await answer.json();
    if (!answer.ok) refuse(said.text);
    else {
      if (!fields.back) undone.push({ ref, ...said.was, etag: said.etag });
      notice(said.text);
    }
    await renew(ref);
  } catch {
    refuse(box.dataset.lost);
  }
}
function refuse(text) {
  const line = document.createElement("p");
  line.className = "error";
  line.textContent = text;
  problem.replaceChildren(line);
  say("");
}
function notice(text) {
  const line = document.createElement("div");
  line.className = "notice";
  const what = document.createElement("p");
  what.textContent = text;
  line.append(what);
  if (undone.length) {
    const button = document.createElement("button");
    button.className = "plain";
    button.textContent = box.dataset.undo;
    button.addEventListener("click", undo);
    line.append(button);
  }
  problem.replaceChildren(line);
  say(text);
}
function undo() {
  const last = undone.pop();
  if (last) send(last.ref, { from: last.from, until: last.until, to: last.to, etag: last.etag, back: "yes" });
}

// --- the table is asked for again: after a change, and every ten seconds for those of others
let shown = box.innerHTML;
async function renew(ref) {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok || mode || pressed) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("#grid");
  if (!fresh || mode || pressed || fresh.innerHTML === shown) return;
  const at = table?.contains(document.activeElement) && document.activeElement.closest("td") ? placeOf(document.activeElement.closest("td")) : null;
  const opened = box.querySelector(".agenda-keys")?.open;
  shown = fresh.innerHTML;
  box.replaceChildren(...fresh.childNodes);
  if (opened) box.querySelector(".agenda-keys").open = true;
  begin();
  const moved = ref && table?.querySelector(`a[data-ref="${ref}"]`);
  if (moved) go(moved.closest("td"));
  else if (at && table) go(cellsOf(rows()[Math.min(at.number, rows().length - 1)]).find((one) => one.last > at.first)?.cell);
  if (!ref) say(box.dataset.news);
}
setInterval(() => {
  if (document.visibilityState === "visible" && !mode && !pressed) renew().catch(() => {});
}, 10_000);

// --- a change that is being chosen, by pointer or by keyboard: a frame shows it, a sentence says it
const frame = document.createElement("div");
frame.className = "agenda-frame";
frame.hidden = true;
function draw() {
  const row = rows()[mode.number];
  const head = table.tHead.rows[0].cells;
  const whole = table.parentElement.getBoundingClientRect();
  const left = head[1].getBoundingClientRect().left;
  const width = (head[head.length - 1].getBoundingClientRect().right - left) / columns();
  const line = row.getBoundingClientRect();
  frame.hidden = false;
  frame.style.left = `${left - whole.left + table.parentElement.scrollLeft + mode.first * width}px`;
  frame.style.width = `${(mode.last - mode.first) * width}px`;
  frame.style.top = `${line.top - whole.top + table.parentElement.scrollTop}px`;
  frame.style.height = `${line.height}px`;
  const when = table.dataset.view === "day" ? words(momentAt(mode.first), momentAt(mode.last)) : table.tHead.rows[0].cells[mode.first + 1].textContent.trim();
  frame.textContent = when;
  if (mode.spoken !== `${when} ${mode.number}`) say(`${nameOf(row)}, ${when}`);
  mode.spoken = `${when} ${mode.number}`;
}
function start(kind, cell, link) {
  const at = placeOf(cell);
  mode = { kind, cell, link, number: at.number, first: at.first, last: at.last, from: { ...at } };
  if (link && table.dataset.view === "day") {
    mode.first = quarterAt(link.dataset.from);
    mode.last = Math.max(mode.first + 1, quarterAt(link.dataset.until));
    mode.from = { ...mode.from, first: mode.first, last: mode.last };
  }
  draw();
}
function end(text) {
  mode = null;
  frame.hidden = true;
  if (text) say(text);
}
function fits(row) { // a booking stays with its resource: it moves to another unit, or to another space
  const own = mode.link.dataset;
  const [kind, code] = row.dataset.target.split(":");
  return own.resource ? kind === "r" && code === own.resource : kind === "s" || row.dataset.target === "";
}
function save() {
  const { kind, link, number, first, last, from, cell } = mode;
  const row = rows()[number];
  const same = number === from.number && first === from.first && last === from.last;
  if (kind === "draw") {
    const query = new URLSearchParams({ what: row.dataset.target });
    if (table.dataset.view === "day") {
      query.set("from", momentAt(first).toISOString());
      query.set("until", momentAt(last).toISOString());
    } else query.set("day", cellsOf(row)[first].cell.dataset.day);
    end();
    location.assign(`/manage/${place}/bookings/new?${query}`);
    return;
  }
  if (same) return end(box.dataset.ended);
  if (!fits(row)) {
    end();
    refuse(box.dataset.other);
    return go(cell);
  }
  const own = link.dataset;
  const fields = { from: own.from, until: own.until, etag: own.etag };
  if (table.dataset.view === "day") { // by whole quarters, so that a booking at five past stays at five past
    fields.from = new Date(Date.parse(own.from) + (first - from.first) * QUARTER).toISOString();
    fields.until = kind === "end" ? momentAt(last).toISOString() : new Date(Date.parse(own.until) + (first - from.first) * QUARTER).toISOString();
  } else {
    fields.days = first - from.first; // the hours stay, also where clocks change
  }
  if (number !== from.number) fields.to = row.dataset.target.split(":").at(-1);
  const ref = own.ref;
  end();
  send(ref, fields);
}
function step(down, right) {
  const width = mode.last - mode.first;
  if (mode.kind === "end" || mode.kind === "draw") mode.last = Math.min(columns(), Math.max(mode.first + 1, mode.last + right));
  else {
    mode.first = Math.min(columns() - width, Math.max(0, mode.first + right));
    mode.last = mode.first + width;
  }
  if (mode.kind === "move") {
    let next = mode.number + down;
    while (down && rows()[next] && !fits(rows()[next])) next += down;
    if (rows()[next]) mode.number = next;
  }
  draw();
}

// --- keyboard
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
function onKey(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && undone.length && !event.target.closest("input")) {
    event.preventDefault();
    return undo();
  }
  const cell = event.target.closest?.("table.agenda td");
  if (mode && event.key === "Escape") {
    event.preventDefault();
    const back = mode.cell;
    end(box.dataset.ended);
    return go(back);
  }
  if (mode && event.key === "Enter") {
    event.preventDefault();
    return save();
  }
  const arrow = ARROWS[event.key];
  if (!cell || event.ctrlKey || event.altKey || event.metaKey) return;
  const link = event.target.closest("a[data-ref]");
  if (arrow) {
    event.preventDefault();
    if (mode) return step(...arrow);
    if (event.shiftKey && writes && table.dataset.view === "day") {
      if (link) {
        start("end", cell, link);
        say(box.dataset.resizing);
      } else if (!cell.querySelector("a")) start("draw", cell);
      if (mode) step(...arrow);
      return;
    }
    const beside = within(cell, event.target, arrow[0]);
    return beside ? land(beside) : go(neighbour(cell, ...arrow));
  }
  if (event.key === "Home" || event.key === "End") {
    event.preventDefault();
    return go(cellsOf(cell.closest("tr")).at(event.key === "Home" ? 0 : -1).cell);
  }
  if (!writes || mode) return;
  if (event.key.toLowerCase() === "m" && link) {
    event.preventDefault();
    start("move", cell, link);
    say(box.dataset.moving);
  } else if (event.key === "Enter" && !event.target.closest("a")) {
    event.preventDefault();
    start("draw", cell);
    if (table.dataset.view === "day") mode.last = Math.min(columns(), mode.first + 4);
    save();
  }
}

// --- pointer: a mouse drags at once; a finger scrolls, and drags after it has rested on a booking or a free time
const PRESS_MS = 400;
const CLICK_MS = 400; // a click that belongs to the drag comes sooner
function onDown(event) {
  const cell = event.target.closest("td");
  if (!cell || mode || pressed || event.button !== 0) return;
  const touch = event.pointerType === "touch";
  const link = event.target.closest("a[data-ref]");
  if (!link && event.target.closest("a")) return;
  const atEnd = link && link.getBoundingClientRect().right - event.clientX < (touch ? 24 : 10) && table.dataset.view === "day";
  const origin = { x: event.clientX, y: event.clientY };
  let grip = 0;
  const column = (x) => {
    const head = table.tHead.rows[0].cells;
    const left = head[1].getBoundingClientRect().left;
    const width = (head[head.length - 1].getBoundingClientRect().right - left) / columns();
    return Math.min(columns() - 1, Math.max(0, Math.floor((x - left) / width)));
  };
  const take = () => {
    start(link ? (atEnd ? "end" : "move") : "draw", cell, link);
    grip = column(origin.x) - mode.first;
  };
  const resting = touch && setTimeout(take, PRESS_MS);
  pressed = touch;
  const onMove = (moved) => {
    if (moved.pointerId !== event.pointerId) return;
    if (!mode) {
      if (Math.hypot(moved.clientX - origin.x, moved.clientY - origin.y) < (touch ? 10 : 5)) return;
      if (touch) return stop(false); // it scrolls
      take();
    }
    const at = column(moved.clientX);
    if (mode.kind === "end") mode.last = Math.max(mode.first + 1, at + 1);
    else if (mode.kind === "draw") {
      mode.first = Math.min(at, mode.from.first);
      mode.last = Math.max(at + 1, mode.from.last);
    } else {
      const width = mode.last - mode.first;
      mode.first = Math.min(columns() - width, Math.max(0, at - grip));
      mode.last = mode.first + width;
      const row = document.elementsFromPoint(moved.clientX, moved.clientY).map((one) => one.closest("tr[data-target]")).find(Boolean);
      if (row) mode.number = rows().indexOf(row);
    }
    draw();
  };
  const stop = (done) => {
    clearTimeout(resting);
    pressed = false;
    removeEventListener("pointermove", onMove);
    removeEventListener("pointercancel", onCancel);
    removeEventListener("pointerup", onUp);
    removeEventListener("keydown", onEscape, true);
    if (done && mode) save();
  };
  const onUp = (up) => {
    if (up.pointerId !== event.pointerId) return;
    if (mode) {
      const no = (click) => click.preventDefault();
      const over = () => removeEventListener("click", no, true);
      addEventListener("click", no, { capture: true, once: true });
      addEventListener("pointerdown", over, { capture: true, once: true }); // the next press has a click of its own
      setTimeout(over, CLICK_MS); // after a long press none may come
    }
    stop(true);
  };
  const onCancel = (gone) => { // the browser scrolls, or takes the finger for something else
    if (gone.pointerId !== event.pointerId) return;
    if (mode) end(box.dataset.ended);
    stop(false);
  };
  const onEscape = (key) => {
    if (key.key !== "Escape") return;
    end(box.dataset.ended);
    stop(false);
  };
  addEventListener("pointermove", onMove);
  addEventListener("pointerup", onUp);
  addEventListener("pointercancel", onCancel);
  addEventListener("keydown", onEscape, true);
}

function begin() {
  table = box.querySelector("table.agenda");
  if (!table) return;
  table.setAttribute("role", "grid");
  table.parentElement.removeAttribute("tabindex"); // its cells are reached by the keyboard
  table.parentElement.append(frame);
  stops();
  if (!writes) return;
  table.addEventListener("pointerdown", onDown);
  table.addEventListener("dragstart", (event) => event.preventDefault());
  table.addEventListener("contextmenu", (event) => pressed && event.preventDefault()); // of a long press
  table.addEventListener("touchmove", (event) => mode && event.preventDefault(), { passive: false }); // else it would scroll
}
document.addEventListener("keydown", onKey);
begin();

// Pages of seats and bookings. Elements with data-again are asked for again: when a form with data-again-form changes, and when the
// stream says that the numbers of the places in data-follow changed. A button with data-position fills in where the phone is.
// Buttons with data-copy copy a field. Without this script all of it is done by sending the forms.
import { listen } from "../line.js";

const EVERY_MS = 2000;
const parts = () => [...document.querySelectorAll("[data-again]")];
let asking = null;

async function again(address) {
  asking?.abort();
  asking = new AbortController();
  let answer;
  try {
    answer = await fetch(address, { signal: asking.signal });
  } catch {
    return; // the line is cut, or something newer is asked for: what is shown stays
  }
  if (answer.redirected && !new URL(answer.url).pathname.startsWith("/me")) return location.reload(); // the session has ended
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts()) {
    const made = fresh.getElementById(part.id);
    if (!made) continue;
    const inside = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    part.replaceChildren(...made.childNodes);
    if (inside) [...part.querySelectorAll("a")].find((one) => one.getAttribute("href") === inside)?.focus();
  }
}

// forms that ask: what they find is shown while one types
for (const form of document.querySelectorAll("[data-again-form]")) {
  const then = form.querySelector("[data-then]");
  const when = form.elements.when;
  const show = () => {
    if (then) then.hidden = when.value === "now";
  };
  show();
  form.addEventListener("change", (event) => {
    if (event.target !== when && then?.contains(event.target)) when.value = "then";
    show();
    if (!form.checkValidity()) return;
    const address = `${new URL(form.action).pathname}?${new URLSearchParams(new FormData(form))}`;
    history.replaceState(null, "", address);
    again(address);
  });
}

// live numbers
const followed = document.querySelector("[data-follow]")?.dataset.follow.split(" ").filter(Boolean) ?? [];
if (followed.length) {
  let waiting = null;
  let first = true; // a new stream begins with the state that the page shows
  const cut = (is) => {
    for (const one of document.querySelectorAll("[data-cut]")) one.hidden = !is;
  };
  setTimeout(() => (first = false), EVERY_MS);
  listen({
    path: `/v1/stream?${followed.map((place) => `place=${encodeURIComponent(place)}`).join("&")}`,
    open: () => cut(false),
    hear: () => {
      if (first || waiting) return;
      waiting = setTimeout(() => {
        waiting = null;
        if (document.querySelector("[data-follow]")) again(location.pathname + location.search);
      }, EVERY_MS);
    },
    cut: () => cut(true),
  });
}

// the phone's position, to about a kilometre
const position = document.querySelector("[data-position]");
if (position && navigator.geolocation) {
  const problem = document.querySelector("[data-position-problem]");
  position.hidden = false;
  position.addEventListener("click", () => {
    position.setAttribute("aria-busy", "true");
    problem.hidden = true;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const form = position.form;
        form.elements.near.value = `${coords.latitude.toFixed(2)},${coords.longitude.toFixed(2)}`;
        form.requestSubmit();
      },
      () => {
        position.removeAttribute("aria-busy");
        problem.textContent = position.dataset.refused;
        problem.hidden = false;
      },
      { maximumAge: 300_000, timeout: 10_000 },
    );
  });
}

// addresses to copy
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    field.select();
    await navigator.clipboard.writeText(field.value);
    button.textContent = button.dataset.done;
  });
}

// a refusal is where the reader is led
document.getElementById("refused")?.focus();

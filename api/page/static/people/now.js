// The live pages: asked for again when the place's numbers change, read out where people came or went, dated while the line is
// cut. As live.js, with which it would be one request too many for a first view.
import { listen } from "../line.js";

const region = document.querySelector("#live, #orders");
const spoken = document.getElementById("spoken");
const QUIET_MS = 60_000; // between two sentences that are read out
let sentence = words();
let spokeAt = 0;

function words() {
  return region.querySelector("#sentence")?.textContent.replace(/\s+/g, " ").trim() ?? "";
}

/** Writes into the warning since when the numbers are old, as long as it isn't shown. */
function date() {
  const at = region.querySelector("[data-at]")?.dataset.at;
  const how = { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: region.dataset.zone };
  const text = new Date(at).toLocaleTimeString(document.documentElement.lang, how);
  for (const one of document.querySelectorAll("[data-since]")) one.textContent = text;
}

function cut(is) {
  for (const one of document.querySelectorAll("[data-cut]")) one.hidden = !is;
}

function speak() {
  const now = words();
  if (!spoken || now === sentence || Date.now() - spokeAt < QUIET_MS) return;
  spoken.textContent = sentence = now;
  spokeAt = Date.now();
}

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.responseURL && !new URL(xhr.responseURL).pathname.startsWith("/manage/")) {
    event.detail.shouldSwap = false; // the session has ended: the page itself says so
    location.reload();
  } else if (region.querySelector("form[data-sent]")) {
    event.detail.shouldSwap = false; // a form is on its way
  }
});
document.body.addEventListener("htmx:afterSwap", () => {
  date();
  cut(false);
  speak();
});
for (const failed of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.body.addEventListener(failed, () => cut(true));
}
if (region.dataset.live) {
  listen({
    path: `/v1/stream?place=${encodeURIComponent(region.dataset.live)}`,
    open: () => cut(false),
    hear: () => region.dispatchEvent(new Event("changed")),
    cut: () => cut(true),
  });
}
date();

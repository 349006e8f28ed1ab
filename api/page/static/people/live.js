// Live parts of pages: <div data-live="PLACE" data-hx-get="/manage/PLACE" data-hx-select="#now" data-hx-trigger="changed throttle:2s"> is asked for
// again whenever the stream says that the place's numbers changed. While the line is cut, the elements with data-cut show. Where the
// session has ended, the page is loaded again, which asks to sign in.
import { listen } from "../line.js";

const live = () => [...document.querySelectorAll("[data-live]")]; // they are replaced when they are renewed

function cut(is) {
  for (const one of document.querySelectorAll("[data-cut]")) one.hidden = !is;
}

for (const place of new Set(live().map((one) => one.dataset.live))) {
  listen({
    path: `/v1/stream?place=${encodeURIComponent(place)}`,
    open: () => cut(false),
    hear: () => {
      for (const one of live()) if (one.dataset.live === place) one.dispatchEvent(new Event("changed"));
    },
    cut: () => cut(true),
  });
}

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { responseURL } = event.detail.xhr;
  if (responseURL && !new URL(responseURL).pathname.startsWith("/manage/")) {
    event.detail.shouldSwap = false;
    location.reload();
  } else if (event.target.querySelector?.("form[data-sent]")) event.detail.shouldSwap = false; // a form is on its way
});

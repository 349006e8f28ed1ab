// A form that is sent shows that it is; a second click sends nothing. The server would do it once all the same (the field "once").
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  form.setAttribute("aria-busy", "true");
});
// On a phone the tabs are one line that scrolls: the page's own tab is in view.
const tab = document.querySelector(".tabs li a[aria-current]");
const tabs = tab?.closest("ul");
if (tabs) tabs.scrollLeft = tab.offsetLeft - (tabs.clientWidth - tab.offsetWidth) / 2;
// back to a page that the browser kept: its forms can be sent again
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
});

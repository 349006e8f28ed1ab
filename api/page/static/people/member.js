// The member's pages of doors: parts that look again by themselves (#part with data-again), and the button that opens a door. Without
// this script the pages reload, and the button is a plain form.
const AGAIN_MS = 1000;
const ANSWER_MS = 8000;
const ASK_FOR_MS = 60000;

async function shown(answer) {
  if (!answer.headers.get("content-type")?.startsWith("text/html")) throw new Error("no page");
  const text = await answer.text();
  const made = new DOMParser().parseFromString(text, "text/html");
  const part = made.getElementById("part");
  if (!part) {
    location.reload(); // the session has ended, say
    return;
  }
  const old = document.getElementById("part"); // it stays: a screen reader hears what changes in it
  if (old.innerHTML !== part.innerHTML) old.replaceChildren(...document.adoptNode(part).childNodes);
  if (part.dataset.again) old.dataset.again = part.dataset.again;
  else delete old.dataset.again;
  ready();
}

async function again() {
  const part = document.getElementById("part");
  if (!part?.dataset.again) return;
  try {
    await shown(await fetch(part.dataset.again, { signal: AbortSignal.timeout(ANSWER_MS) }));
  } catch {
    // the line is cut: the next look
  }
  setTimeout(again, AGAIN_MS);
}

function reveal(id, is) {
  const found = document.getElementById(id);
  if (found) found.hidden = !is;
}

async function sent(form) {
  const once = form.elements.once.value;
  const at = new Date();
  reveal("sending", true);
  form.querySelector("button").disabled = true;
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body, signal: AbortSignal.timeout(ANSWER_MS) });
    if (new URL(answer.url).pathname !== location.pathname) {
      location.assign(answer.url); // the session has ended
      return;
    }
    history.replaceState(null, "", answer.url);
    await shown(answer);
    reveal("sending", false);
    document.getElementById("part").focus();
    again();
  } catch {
    reveal("sending", false);
    lost(at, `${location.pathname}?sent=${once}`);
  }
}

// Nothing is sent again: only what became of it is asked.
async function lost(at, path) {
  const told = document.getElementById("line-lost");
  told.querySelector("[data-sent-at]").textContent = at.toLocaleTimeString(document.documentElement.lang);
  told.hidden = false;
  const end = Date.now() + ASK_FOR_MS;
  const look = async () => {
    try {
      const answer = await fetch(path, { signal: AbortSignal.timeout(ANSWER_MS) });
      if (!answer.ok) throw new Error(`${answer.status}`);
      await shown(answer);
      told.hidden = true;
      document.getElementById("part").focus();
      again();
    } catch {
      if (Date.now() < end) setTimeout(look, AGAIN_MS);
    }
  };
  setTimeout(look, AGAIN_MS);
}

function ready() {
  const form = document.getElementById("open");
  if (!form || form.dataset.heard) return;
  form.dataset.heard = "yes";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.dataset.sent) return; // a second click
    sent(form);
  });
}

ready();
again();

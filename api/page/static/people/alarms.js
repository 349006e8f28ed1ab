// The open alarms of a place: counted in the page's title and beside its name, with a sound at a new one where that is on.
const EVERY_MS = 10_000;
const KEPT = "maillage-alarm-sound";
const link = document.getElementById("alarm-count");
const button = document.getElementById("sound");
const waits = document.getElementById("sound-waits");
const title = document.title;
let known = null; // the alarms of the last look; none yet: what was there before makes no sound
let audio = null;

const isOn = () => localStorage.getItem(KEPT) === "on";

async function look() {
  try {
    const path = `/v1/alarms?limit=100&place=${encodeURIComponent(link.dataset.place)}`;
    const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (answer.ok) show(await answer.json());
  } catch {
    // the line is cut: the last count stays
  }
  setTimeout(look, EVERY_MS);
}

function show({ alarms, next }) {
  const number = next === null ? `${alarms.length}` : `${alarms.length}+`;
  const text = number === "1" ? link.dataset.one : link.dataset.many.replace("{number}", number);
  if (link.textContent !== text) link.textContent = text; // only then is it read out
  link.hidden = alarms.length === 0;
  document.title = alarms.length ? `(${number}) ${title}` : title;
  const ids = new Map(alarms.map((one) => [one.id, one.times]));
  const isNew = known !== null && [...ids].some(([id, times]) => times > (known.get(id) ?? 0));
  known = ids;
  if (isNew && isOn()) sound();
}

async function sound() {
  audio ??= new AudioContext();
  if (audio.state === "suspended") await Promise.race([audio.resume(), new Promise((done) => setTimeout(done, 300))]);
  waits.textContent = audio.state === "suspended" ? waits.dataset.words : "";
  const begin = audio.currentTime;
  for (const [at, hertz] of [[0, 880], [0.25, 660], [0.5, 880]]) {
    const tone = audio.createOscillator();
    const loud = audio.createGain();
    tone.frequency.value = hertz;
    loud.gain.setValueAtTime(0.2, begin + at);
    loud.gain.exponentialRampToValueAtTime(0.001, begin + at + 0.22);
    tone.connect(loud).connect(audio.destination);
    tone.start(begin + at);
    tone.stop(begin + at + 0.24);
  }
}

function label() {
  button.setAttribute("aria-pressed", String(isOn()));
  button.textContent = isOn() ? button.dataset.on : button.dataset.off;
}

button.addEventListener("click", () => {
  localStorage.setItem(KEPT, isOn() ? "off" : "on");
  label();
  if (isOn()) sound(); // so that one knows how it sounds
});
for (const touched of ["pointerdown", "keydown"]) {
  addEventListener(touched, () => {
    if (!isOn()) return;
    audio ??= new AudioContext(); // browsers let a page sound only after somebody touched it
    audio.resume().then(() => (waits.textContent = ""));
  }, { once: true });
}
button.hidden = false;
label();
const open = document.querySelector("[data-open]"); // the live page has them already
if (open) show(JSON.parse(open.dataset.open));
if (open) setTimeout(look, EVERY_MS);
else look();

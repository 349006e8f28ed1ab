// French and English by the browser's language, or by the reader's choice (a cookie; api/page/__init__.py reads it).
import en from "./words/en.js";
import fr from "./words/fr.js";

const DICTIONARIES = { fr, en };
const KEPT = "maillage-language";
let language = "en";
let words = en;
let plural = new Intl.PluralRules("en");
let number = new Intl.NumberFormat("en");

/** The language in which the server wrote the page: the reader's choice, or else the browser's. */
export const written = () => document.documentElement.lang;

export function speak(wanted, keep = false) {
  language = wanted;
  words = DICTIONARIES[wanted];
  plural = new Intl.PluralRules(wanted);
  number = new Intl.NumberFormat(wanted);
  if (keep) document.cookie = `${KEPT}=${wanted}; path=/; max-age=31536000; samesite=lax`;
  document.documentElement.lang = wanted;
  document.title = words.title;
  for (const e of document.querySelectorAll("[data-word]")) e.textContent = words[e.dataset.word];
  for (const e of document.querySelectorAll("[data-word-label]")) e.setAttribute("aria-label", words[e.dataset.wordLabel]);
  for (const e of document.querySelectorAll("[data-word-placeholder]")) e.placeholder = words[e.dataset.wordPlaceholder];
  for (const e of document.querySelectorAll("[data-language]")) e.setAttribute("aria-pressed", String(e.dataset.language === wanted));
}

/** The text for `key`; with `n` its plural form, with `values` its placeholders filled in. */
export function say(key, values = {}) {
  let text = key.split(".").reduce((at, part) => at?.[part], words) ?? key;
  if (Array.isArray(text)) text = plural.select(values.n) === "one" ? text[0] : text[1];
  return text.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number.format(values[name]) : values[name]));
}

export const levelWords = (level) => (typeof level === "number" ? words.levels[level] : words[`level_${level}`]);
export const figure = (n) => number.format(n);
export const percent = (share) => new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(share);
export const clock = (ms) => new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(ms);
export const collator = () => new Intl.Collator(language, { sensitivity: "base", numeric: true });

const formats = new Map();
function format(zone, shape) {
  const key = `${language} ${zone} ${Object.values(shape)}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(shape.year ? "sv" : language, { ...shape, timeZone: zone }));
  return formats.get(key);
}

/** The calendar days between two times (ms) in a time zone: 0 today, 1 tomorrow. */
export function daysUntil(ms, zone, from) {
  const day = (at) => Date.parse(format(zone, { year: "numeric", month: "2-digit", day: "2-digit" }).format(at));
  return Math.round((day(ms) - day(from)) / 86_400_000);
}

/**
 * A future time in a time zone: "18:00", "tomorrow at 09:00", "Monday at 09:00", "on January 3 at 09:00". The
 * midnight at which something ends today is "24:00".
 */
export function soon(ms, zone, from, ends) {
  const time = format(zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(ms);
  const days = daysUntil(ms, zone, from);
  if (days === 0) return time;
  if (days === 1) return ends && time === "00:00" ? "24:00" : say("tomorrow_at", { time });
  if (days < 7) return say("weekday_at", { day: format(zone, { weekday: "long" }).format(ms), time });
  return say("date_at", { day: format(zone, { day: "numeric", month: "long" }).format(ms), time });
}

/** The hour of a time in a time zone: "09:00". */
export const hourOf = (ms, zone) => format(zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(ms);

/** A time of today as hh:mm:ss, of another day with its date. */
export function moment(ms) {
  const today = new Date(ms).toDateString() === new Date().toDateString();
  const shape = today ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(language, shape).format(ms);
}

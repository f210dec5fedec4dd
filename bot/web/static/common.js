// Used by every module of the page: texts, times, elements, and calls of the API.
export const setting = JSON.parse(document.getElementById("setting").textContent);

const locale = setting.language === "zh" ? "zh-CN" : "en-GB";
const clock = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dateOf = format({ year: "numeric", month: "2-digit", day: "2-digit" });
const longDate = format({ month: "long", day: "numeric", weekday: "short" });
const shortDate = format({ month: "short", day: "numeric" });
const yearDate = format({ year: "numeric", month: "short", day: "numeric" });
let ahead = 0; // how far the database's clock is ahead of this computer's, in seconds

function format(options) {
  const shown = new Intl.DateTimeFormat(locale, { ...options, timeZone: setting.timezone });
  return (seconds) => shown.format(seconds * 1000);
}

/** The text of a key with {placeholders} filled in; the key itself if it has no text. */
export function say(key, values = {}) {
  const words = setting.words[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A text that may be missing, because a platform or a plug-in has new codes. */
export const sayOr = (key, otherwise) => setting.words[key] ?? otherwise;

/** Why a message was not sent: the text of our own code, else the one sent with a platform's code, else the code. */
export const troubleWords = (code, words) => sayOr(`trouble.${code}`, words || code);

/** Create an element. Children that are strings become text nodes, so customers' texts are never markup. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** Brings `parent`'s children in line with `items`, rebuilding only those whose data changed. */
export function keep(parent, items, key, build) {
  const kept = (parent.kept ??= new Map());
  const wanted = new Map(items.map((item) => [key(item), item]));
  for (const [id, { node }] of kept) if (!wanted.has(id)) { node.remove(); kept.delete(id); }
  let before = parent.firstElementChild;
  for (const [id, item] of wanted) {
    const data = JSON.stringify(item);
    const old = kept.get(id);
    let node = old?.node;
    if (old?.data !== data) {
      node = build(item);
      if (old) { if (before === old.node) before = node; old.node.replaceWith(node); }
      kept.set(id, { node, data });
    }
    if (node === before) before = before.nextElementSibling;
    else parent.insertBefore(node, before);
  }
}

export const time = (at) => clock(at);
export const now = () => Date.now() / 1000 + ahead;
export const setNow = (theirs) => { ahead = theirs - Date.now() / 1000; };

/** "Today", "Yesterday", or a date, on the deployment's calendar. */
export function day(at) {
  if (dateOf(at) === dateOf(now())) return say("thread.today");
  if (dateOf(at) === dateOf(now() - 86400)) return say("thread.yesterday");
  return longDate(at);
}
export const sameDay = (one, other) => dateOf(one) === dateOf(other);
export const date = (at) => yearDate(at);

/** "10:32" today, "3 Oct 10:32" before. */
export const moment = (at) => (sameDay(at, now()) ? clock(at) : `${shortDate(at)} ${clock(at)}`);

/** The time since an instant: 0:42, 12:05, then 1h 05m. */
export function waited(since) {
  const seconds = Math.max(0, Math.floor(now() - since));
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  if (hours >= 48) return `${Math.floor(hours / 24)}d`;
  if (hours) return `${hours}h ${String(minutes % 60).padStart(2, "0")}m`;
  return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
}

export const accountName = (account) => setting.accounts[account] ?? account;
export const channelName = (channel) => sayOr(`channel.${channel}`, channel);
const met = new Map(); // names of verified members, by customer, from the cases that were opened here
export const meet = ({ line, member }) => met.set(line.customer.id, member?.name);

/** The platform's name, else the verified member's name, else a text with four letters made from the id. */
export const customerName = ({ customer }) => customer.name || met.get(customer.id) || `${say("list.nameless")} ${mark(customer.id)}`;
const hash = (id) => [...id].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 2147483647, 7);
const mark = (id) => hash(id).toString(36).padStart(4, "0").slice(-4).toUpperCase();

export function face(name, id) {
  return h("span", { class: "face", "--hue": hash(id) % 360, "aria-hidden": "true" }, [...name][0] ?? "·");
}

const SAME_KEY = 200; // milliseconds between the end of a composition and the key that ended it

/**
 * Tells whether a keydown inside `root` belongs to an input method: the Enter that confirms pinyin, the Escape that drops
 * it. Chrome and Firefox set isComposing. Safari ends the composition first and sends the key afterwards, with keyCode
 * 229 or as an ordinary key (WebKit bug 165004): a key right after the end, before any key was let go, is the same one.
 */
export function inputMethod(root) {
  let ended = -Infinity;
  let its = null;
  root.addEventListener("compositionend", (event) => { ended = event.timeStamp; }, true);
  root.addEventListener("keyup", () => { ended = -Infinity; }, true);
  root.addEventListener("keydown", (event) => {
    const endedIt = event.timeStamp - ended < SAME_KEY;
    ended = -Infinity;
    its = event.isComposing || event.keyCode === 229 || endedIt ? event : null;
    if (endedIt && event.key === "Enter") event.preventDefault(); // the word is written already: no line break after it
  }, true);
  return (event) => event === its;
}

export const byInputMethod = inputMethod(document);

export class Refused extends Error {
  constructor(status, code, words) { super(words); this.status = status; this.code = code; }
}

/** Call the API. Throws Refused with a text for the reader. */
export async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(`${setting.prefix}/api/desk/${path}`, {
      method,
      headers: { "content-type": "application/json", "x-csrf-token": setting.csrf },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refused(0, "network", say("error.network"));
  }
  if (answer.status === 401) { location.assign(`${setting.prefix}/login?next=${encodeURIComponent(location.pathname.slice(setting.prefix.length))}`); }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, content.code, content.words ?? say("error.other"));
  return content;
}

export function toast(words) {
  const toasts = document.getElementById("toasts");
  if (toasts.lastElementChild?.textContent === words) return;
  const shown = h("p", { class: "toast" }, words);
  toasts.append(shown);
  setTimeout(() => shown.remove(), 5000);
}

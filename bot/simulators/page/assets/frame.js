// What the pages of all simulators share: asking, listening, faces, views, what went over the wire.
export const $ = (id) => document.getElementById(id);
export const t = JSON.parse($("words").textContent);
const locale = document.documentElement.lang;
let skew = 0;

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null));
  return element;
}

export async function call(method, path, body) {
  const request = { method, headers: { "content-type": "application/json" } };
  if (body !== undefined) request.body = JSON.stringify(body);
  const response = await fetch(path, request);
  if (!response.ok) throw new Error(`${response.status}`);
  return response.status === 204 ? null : response.json();
}

// The simulator's clock, which a test may have moved.
export const setNow = (seconds) => { skew = seconds - Date.now() / 1000; };
export const now = () => Date.now() / 1000 + skew;
export const hours = (at, seconds) => new Date(at * 1000).toLocaleTimeString(locale,
  { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, hourCycle: "h23", timeZone: document.body.dataset.zone });
export const hue = (id) => [...id].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 8;
export const face = (name, kind) => make("span", { className: `face face-${kind}`, ariaHidden: "true" }, [...name][0] ?? "?");

// A person in the list at the left, with a count of what they have not read.
export function personRow(name, detail, id, unread, current, open) {
  const row = make("button", { type: "button", onclick: open }, face(name, hue(id)),
    make("span", {}, name, make("small", {}, detail)),
    unread ? make("b", {}, `${unread}`, make("span", { className: "hidden" }, ` ${t.unread}`)) : null);
  if (current) row.setAttribute("aria-current", "true");
  return make("li", {}, row);
}

// One thing that went over the wire. mood: "", "warn" or "bad".
export const wireRow = (at, what, detail, outcome, mood) => make("li", {}, make("time", {}, hours(at, true)),
  make("span", {}, `${what} `, make("small", {}, detail.filter(Boolean).join(" · "))), make("em", { className: mood }, outcome));

export const showWireRows = (rows) =>
  $("wire").replaceChildren(...(rows.length ? rows : [make("li", { className: "none" }, t.wire_none)]));

export function view(name) {
  document.body.dataset.view = name;
  for (const button of document.querySelectorAll("[data-to]"))
    if (button.dataset.to === name) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
}

/**
 * Hear events by topic. The whole state is asked for after each (re)connection and when events were missed: `take` keeps
 * it, `show` draws it. Events that arrive while it is on its way are applied between the two, so that an answer which is
 * older than an event never hides it. Returns the function that asks for the state, one request at a time.
 */
export function listen(topics, take, show) {
  let held = null; // the events of now while the state is on its way
  let last = Promise.resolve();
  const ask = async () => {
    held = [];
    try {
      take(await call("GET", "api/state"));
    } finally {
      const events = held;
      held = null;
      for (const [topic, about] of events) topics[topic](about);
    }
    await show();
  };
  const refresh = () => (last = last.then(ask, ask));
  const live = new EventSource("api/live");
  live.onerror = () => { $("offline").hidden = false; };
  for (const topic of Object.keys(topics))
    live.addEventListener(topic, (event) => {
      const about = JSON.parse(event.data);
      if (held) held.push([topic, about]);
      else topics[topic](about);
    });
  live.addEventListener("hello", () => { $("offline").hidden = true; refresh(); });
  live.addEventListener("missed", refresh);
  return refresh;
}

/**
 * A conversation that is asked for with `ask` and told about by events. `read` resolves to its lines by id, or to null if
 * it was asked for again since: only the newest answer counts. A line that is told while the answer is on its way is at
 * least as new as what the answer holds.
 */
export function conversation(ask) {
  let asked = 0;
  let told = [];
  return {
    tell: (line) => told.push(line),
    read: async (id) => {
      const number = ++asked;
      told = [];
      const found = await ask(id);
      return number === asked ? new Map([...found, ...told].map((line) => [line.id, line])) : null;
    },
  };
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

// A text field that grows with what is typed and sends with Enter; what was typed is handed to `send`.
export function composer(form, draft, send) {
  const grow = () => {
    draft.style.height = "auto";
    draft.style.height = `${draft.scrollHeight + 2}px`;
  };
  draft.addEventListener("input", grow);
  draft.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || byInputMethod(event)) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(draft.value);
    draft.value = "";
    grow();
  });
}

for (const button of document.querySelectorAll("[data-to]")) button.addEventListener("click", () => view(button.dataset.to));

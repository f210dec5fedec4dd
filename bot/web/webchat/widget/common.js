// Used by every module of the widget: elements, texts, storage.
/* global WORDS */

// Create an element. Children that are strings become text nodes, never markup.
export function h(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child || child === 0));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

// An SVG icon of one path in a 24 by 24 view box.
export function icon(path) {
  const drawing = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "path");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  drawing.append(line);
  return drawing;
}

export const say = (language, key, values = {}) =>
  WORDS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

export const wait = (seconds) => new Promise((done) => { setTimeout(done, seconds * 1000); });

// crypto.randomUUID exists only on https pages.
export const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

// Values in the embedding site's localStorage. Where the browser forbids it, they last until the page is left.
export function storage(prefix) {
  const kept = {};
  return {
    get(name) {
      try { return localStorage.getItem(prefix + name) ?? kept[name] ?? ""; } catch { return kept[name] ?? ""; }
    },
    set(name, value) {
      kept[name] = value;
      try { value ? localStorage.setItem(prefix + name, value) : localStorage.removeItem(prefix + name); } catch { /* kept */ }
    },
  };
}

const SAME_KEY = 200; // milliseconds between the end of a composition and the key that ended it

// Tells whether a keydown inside `root` belongs to an input method: the Enter that confirms pinyin, the Escape that drops
// it. Chrome and Firefox set isComposing. Safari ends the composition first and sends the key afterwards, with keyCode
// 229 or as an ordinary key (WebKit bug 165004): a key right after the end, before any key was let go, is the same one.
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

const ADDRESS = /https?:\/\/[^\s<>"'，。；！？、）】》]+[^\s<>"'，。；！？、）】》.,;:!?)\]]/g;

// A text with its URLs as links, as nodes; nothing in it is parsed as HTML.
export function linked(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(ADDRESS)) {
    parts.push(text.slice(end, found.index), h("a", { href: found[0], target: "_blank", rel: "noopener noreferrer nofollow ugc" }, found[0]));
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)].filter(Boolean);
}

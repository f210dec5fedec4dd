// The visible chat, in a shadow root: the site's styles do not apply inside, nor ours outside.
/* global STYLE */
import { h, icon, inputMethod, linked, say } from "./common.js";

const CHAT = "M4 5.5A2.5 2.5 0 0 1 6.5 3h11A2.5 2.5 0 0 1 20 5.5v8a2.5 2.5 0 0 1-2.5 2.5H11l-5 4.5V16h.5A2.5 2.5 0 0 1 4 13.5z";
const CROSS = "M6 6l12 12M18 6L6 18";
const SEND = "M4.5 12h14M12.5 5.5L19 12l-6.5 6.5";
const NEAR = 80; // pixels from the end within which new lines scroll the log
const MARGIN = 48; // pixels above a long answer after scrolling to it
const TOGETHER = 300; // seconds within which lines share one time

// `does` has the callbacks speak, again, open and close. On a page of its own there are no buttons to open and close.
export function viewOf(language, title, isPage, does) {
  const word = (key, values) => say(language, key, values);
  const host = document.createElement("yingda-chat");
  const root = host.attachShadow({ mode: "open" });
  const style = new CSSStyleSheet();
  style.replaceSync(STYLE);
  root.adoptedStyleSheets = [style];

  const heading = h("h2", { id: "title" }, title || word("log"));
  const status = h("p", { class: "status", role: "status" }, word("connecting"));
  const closing = h("button", { type: "button", class: "close", "aria-label": word("close"), click: () => does.close() }, icon(CROSS));
  const log = h("div", { class: "log", role: "log", tabindex: 0, "aria-label": word("log"), "aria-live": "polite", "aria-busy": "true" });
  const typing = h("div", { class: "typing", "aria-hidden": "true", hidden: true }, h("i"), h("i"), h("i"));
  const notice = h("p", { class: "notice", role: "status" });
  const box = h("textarea", { rows: 1, "aria-label": word("write"), placeholder: word("write"), maxlength: 2000, enterkeyhint: "send", input: fit, keydown: pressed });
  const sender = h("button", { type: "submit", class: "send", "aria-label": word("send"), disabled: true }, icon(SEND));
  const form = h("form", { submit: (event) => { event.preventDefault(); submit(); } }, box, sender);
  const panel = h("section", { class: isPage ? "panel page" : "panel", role: isPage ? "region" : "dialog", "aria-labelledby": "title", tabindex: -1, hidden: !isPage, keydown: within },
    h("header", {}, h("span", { class: "mark" }, icon(CHAT)), h("div", {}, heading, status), !isPage && closing),
    log, notice, form);
  const badge = h("span", { class: "badge", hidden: true });
  const launcher = h("button", { type: "button", class: "launcher", "aria-expanded": "false", "aria-label": "", click: () => does.open() }, icon(CHAT), badge);
  log.append(typing);
  root.append(h("div", { class: "room", lang: language === "zh" ? "zh-CN" : "en" }, isPage ? [] : launcher, panel));

  let name = title;
  let missed = 0;
  let lastAuthor = "";
  let lastAt = 0;
  const mine = new Map();

  function fit() {
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 120)}px`;
    sender.disabled = !box.value.trim();
  }

  const byInputMethod = inputMethod(panel);

  // Enter sends, unless an input method used it to confirm a word.
  function pressed(event) {
    if (event.key !== "Enter" || event.shiftKey || byInputMethod(event)) return;
    event.preventDefault();
    submit();
  }

  function submit() {
    const text = box.value.trim();
    if (!text) return;
    box.value = "";
    fit();
    does.speak(text);
    box.focus();
  }

  // Escape closes, and Tab stays in the open panel.
  function within(event) {
    if (isPage || byInputMethod(event)) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      does.close();
    } else if (event.key === "Tab") {
      const stops = [...panel.querySelectorAll("button:not(:disabled), textarea, a[href], [tabindex='0']")].filter((one) => one.offsetParent);
      const leaving = event.shiftKey ? stops[0] : stops.at(-1);
      if (root.activeElement === leaving || root.activeElement === panel) {
        event.preventDefault();
        (event.shiftKey ? stops.at(-1) : stops[0]).focus();
      }
    }
  }

  // At the end of the log, scroll to the beginning of the new line; a reader of older lines is not moved.
  function append(piece) {
    const follows = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR || piece.classList.contains("customer");
    typing.before(piece);
    if (follows) log.scrollTop = Math.min(log.scrollHeight, piece.offsetTop - MARGIN);
  }

  const end = () => { log.scrollTop = log.scrollHeight; };
  const moment = (at) => new Date(at * 1000).toLocaleTimeString(language === "zh" ? "zh-CN" : "en-GB", { hour: "2-digit", minute: "2-digit" });
  const day = (at) => new Date(at * 1000).toLocaleDateString(language === "zh" ? "zh-CN" : "en-GB", { month: "long", day: "numeric" });

  function timed(at) {
    const now = Date.now() / 1000;
    if (at - lastAt > TOGETHER) {
      const today = day(at) === day(now);
      append(h("time", { datetime: new Date(at * 1000).toISOString() }, today ? moment(at) : `${day(at)} ${moment(at)}`));
      lastAuthor = "";
    }
    lastAt = at;
  }

  function bubble(author, text, ...under) {
    const speaker = h("b", { class: author === lastAuthor || author === "customer" ? "by unseen" : "by" }, word(author));
    lastAuthor = author;
    const piece = h("div", { class: `line ${author}` }, speaker, h("p", {}, linked(text)), under);
    append(piece);
    return piece;
  }

  // A line of the visitor that is not yet accepted by the server.
  function outgoing(id, text) {
    timed(Date.now() / 1000);
    const piece = bubble("customer", text, h("small", { class: "fate" }, word("sending")));
    mine.set(id, { piece, text });
    suggest([]);
  }

  function fate(id, problem) {
    const { piece, text } = mine.get(id) || {};
    const told = piece?.querySelector(".fate");
    if (!told) return;
    piece.classList.toggle("failed", Boolean(problem));
    if (problem) {
      const again = h("button", { type: "button", click: () => { fateOf(told, word("sending")); piece.classList.remove("failed"); does.again(id, text); } }, word("retry"));
      told.replaceChildren(`${word(problem)} `, again);
    } else fateOf(told, "");
  }

  const fateOf = (told, text) => told.replaceChildren(text);

  function line(said) {
    const known = said.id && mine.get(said.id);
    if (known) return fate(said.id, "");
    timed(said.at);
    bubble(said.author, said.text);
    if (said.author === "customer") suggest([]);
    return undefined;
  }

  function welcome(words) {
    if (log.querySelector(".greeting")) return;
    const greeting = h("div", { class: "line bot greeting" }, h("b", { class: "by" }, word("bot")), h("p", {}, linked(words)));
    log.prepend(greeting);
  }

  function suggest(questions) {
    log.querySelector(".questions")?.remove();
    if (!questions.length || log.querySelector(".customer")) return;
    append(h("div", { class: "questions", role: "group", "aria-label": word("questions") },
      questions.map((question) => h("button", { type: "button", click: () => { does.speak(question); box.focus(); } }, question))));
  }

  function state({ owner, thinking }) {
    status.textContent = word(`is.${owner}`);
    panel.dataset.owner = owner;
    typing.hidden = !thinking;
    if (thinking && !log.contains(root.activeElement)) end();
    log.setAttribute("aria-busy", "false");
  }

  function show(isOpen, focus = true) {
    panel.hidden = !isOpen;
    launcher.hidden = isOpen;
    launcher.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) end();
    if (focus && isOpen) (matchMedia("(pointer: coarse)").matches ? panel : box).focus();
    else if (focus) launcher.focus();
  }

  function unread(count) {
    missed = count;
    badge.hidden = !count;
    badge.textContent = count > 99 ? "99+" : count;
    launcher.setAttribute("aria-label", word("open") + (name && `: ${name}`) + (count ? ` (${word("unread", { n: count })})` : ""));
  }

  function entitle(text) {
    heading.textContent = name = text;
    unread(missed);
  }

  // A phone's keyboard covers the page: the panel gets the height that is left.
  visualViewport?.addEventListener("resize", () => {
    const covered = innerHeight - visualViewport.height > 100;
    panel.style.setProperty("--height", covered ? `${visualViewport.height}px` : "");
    end();
  });

  unread(0);
  const noted = (text) => { notice.textContent = text; };
  return { host, line, outgoing, fate, welcome, suggest, state, show, unread, entitle, noted, end };
}

// The entry point of the widget, for a script tag on any site and for our own page.
import { say, storage } from "./common.js";
import { connect } from "./connection.js";
import { mountChat } from "./host.js";
import { viewOf } from "./view.js";

const tag = document.currentScript || document.querySelector('script[src*="/webchat/widget.js"][data-account]');

function chat() {
  const { account, language: asked, title } = tag.dataset;
  const home = new URL(".", tag.src).href.replace(/\/webchat\/$/, ""); // the part before /webchat/widget.js
  const isPage = "page" in tag.dataset;
  const language = (asked || document.documentElement.lang || navigator.language).toLowerCase().startsWith("zh") ? "zh" : "en";
  const kept = storage(`yingda-${account}-`);
  const word = (key) => say(language, key);
  let isOpen = isPage;
  let isAway = true;
  let count = 0;
  let broken = 0;
  let latest = 0;
  let questions = [];

  const view = viewOf(language, title || "", isPage, {
    speak: (text) => { utter(text); },
    again: (id, text) => { line.speak(text, id); },
    open: () => turn(true),
    close: () => turn(false),
  });

  const line = connect(`${home}/webchat/${account}`, new URL(home).origin === location.origin, kept, language, {
    hello(welcome) {
      if (!title) view.entitle(welcome.title);
      view.welcome(welcome.welcome);
      ({ questions } = welcome);
    },
    line(said) {
      view.line(said);
      if (said.author === "customer") return;
      if (isOpen && !document.hidden) read(said.seq);
      else if (said.seq > Number(kept.get("read"))) view.unread(count += 1);
      latest = Math.max(latest, said.seq);
    },
    state(now) {
      view.state(now);
      view.suggest(questions);
      questions = [];
    },
    up(isUp) {
      clearTimeout(broken);
      if (isUp) view.noted("");
      else broken = setTimeout(trouble, 1500);
    },
    sent: (id, problem) => view.fate(id, problem),
  });

  const trouble = () => view.noted(word(navigator.onLine ? "lost" : "offline"));
  const read = (seq) => kept.set("read", String(Math.max(seq, Number(kept.get("read")))));

  function utter(text) {
    view.outgoing(line.speak(text), text);
  }

  function turn(open, focus = true) {
    isOpen = open;
    kept.set("open", open ? "1" : "");
    view.show(open, focus);
    attend();
    if (open) seen();
  }

  function seen() {
    count = 0;
    view.unread(0);
    read(latest);
  }

  // Listen only while the chat is visible: browsers limit the connections to a server for all tabs together.
  function attend() {
    const needed = !isAway && !document.hidden && (isOpen || kept.get("known"));
    if (needed) line.start();
    else line.stop();
    if (needed && isOpen && latest) seen();
  }

  document.addEventListener("visibilitychange", attend);
  addEventListener("offline", trouble);
  addEventListener("pagehide", () => line.stop());
  addEventListener("pageshow", attend);
  if (!isPage && kept.get("open")) turn(true, false);
  return { ...view, rest(away) { isAway = away; attend(); } };
}

if (tag) mountChat(tag.dataset.account, chat);

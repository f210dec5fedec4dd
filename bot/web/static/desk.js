// The desk: the list of cases, the open case and its actions, keyboard shortcuts, and live updates.
import { byInputMethod, call, channelName, customerName, face, h, keep, meet, moment, now, say, sayOr, setNow, setting, toast, waited } from "./common.js";
import { showAbout } from "./about.js";
import { claimed, claiming, compose, showCompose } from "./compose.js";
import { showHalted, showHours } from "./hours.js";
import { showUndeliveredStrip, undeliveredOf } from "./undelivered.js";
import { showCase } from "./thread.js";

const find = (id) => document.getElementById(id);
const desk = find("desk");
const state = {
  lines: [], found: null, ended: [], undelivered: [], tab: "waiting", open: null, sheet: null, limit: 200, counts: {}, more: 0,
};
const LONG = 5 * 60, LATE = 15 * 60; // seconds of waiting from which a case is marked
const MOST = 2000; // lines that the server returns at most

const tabs = {
  waiting: (line) => line.state === "waiting",
  mine: (line) => line.agent === setting.me,
  all: () => true,
};
/** The open case's line: from the case if it was read, else from the list. */
const current = () => state.sheet?.line ?? [...state.lines, ...(state.found ?? []), ...state.ended].find((line) => line.id === state.open);
const shown = () => (state.tab === "ended" ? state.ended : state.tab === "undelivered" ? [] : (state.found ?? state.lines).filter(tabs[state.tab]));

async function readBoard() {
  const board = await call("GET", `board?limit=${state.limit}`);
  setNow(board.now);
  state.lines = board.lines;
  state.counts = { waiting: board.counts.waiting, mine: board.counts.mine, all: board.counts.open };
  state.more = board.more;
  state.undelivered = board.undelivered;
  showHours(board.hours);
  showHalted(board.halted);
  await search();
  showList();
}

/** Search open or ended cases. A response that arrives after a newer search is ignored. */
async function search() {
  const [text, tab] = [find("sought").value, state.tab];
  if (tab === "undelivered") return;
  const lines = tab === "ended" ? await call("POST", "ended", { text }) : text.trim() && (await call("POST", "open", { text }));
  if (text !== find("sought").value || tab !== state.tab) return;
  if (tab === "ended") state.ended = lines;
  else state.found = lines ? [...lines, ...shownSo(text, new Set(lines.map((line) => line.id)))] : null;
}

/** Further cases of the list whose customer has this name only on this page (a verified member, or a made-up mark). */
function shownSo(text, found) {
  const plain = text.trim().normalize("NFKC").toLowerCase();
  return state.lines.filter((line) => !found.has(line.id) && ` ${customerName(line).toLowerCase()}`.includes(` ${plain}`));
}

function showList() {
  for (const button of document.querySelectorAll("[data-tab]")) {
    button.setAttribute("aria-pressed", String(button.dataset.tab === state.tab));
    const count = button.querySelector("[data-count]");
    if (count) count.textContent = state.counts[button.dataset.tab] ?? 0;
  }
  const items = state.tab === "undelivered" ? state.undelivered : shown().map((line) => ({ ...line, name: customerName(line), current: line.id === state.open }));
  keep(find("lines"), items, (item) => item.id, (item) => (state.tab === "undelivered" ? undeliveredOf(item, refresh) : lineOf(item)));
  showUndeliveredStrip(state.undelivered, state.tab === "undelivered");
  find("search").hidden = state.tab === "undelivered";
  const seeks = say(state.tab === "ended" ? "list.search" : "list.search.open");
  find("sought").placeholder = seeks;
  find("sought").setAttribute("aria-label", seeks);
  find("lines-empty").hidden = items.length > 0;
  find("lines-more").hidden = state.more === 0 || state.found !== null || !["waiting", "all"].includes(state.tab);
  find("lines-more").textContent = say("list.more", { count: state.more });
  find("lines-empty").textContent = say(`list.empty.${state.found ? "ended" : state.tab}`);
  const waiting = state.counts.waiting ?? 0;
  document.title = `${waiting ? `(${waiting}) ` : ""}${say("app.desk")} · Yingda 应答`;
  tick();
}

function lineOf(line) {
  const { name } = line;
  const link = { class: "line", href: `${setting.prefix}/desk/cases/${line.id}`, "aria-current": String(line.current), onclick: follow };
  return h("li", {}, h("a", link,
    face(name, line.customer.id),
    h("span", { class: "top" }, h("span", { class: "name" }, name), waitOf(line)),
    h("span", { class: "preview" }, previewOf(line)),
    h("span", { class: "tags" }, tagsOf(line), holderOf(line))));
}

function waitOf(line) {
  if (line.ended_at) return h("time", { class: "wait" }, moment(line.ended_at));
  if (line.reason === "overheard") return h("time", { class: "wait" }, moment(line.opened_at));
  if (!line.waiting_since) return h("span", { class: "wait" }, say("list.answered"));
  return h("span", { class: "wait", "data-since": line.waiting_since });
}

function previewOf(line) {
  const said = line.said || sayOr(`kind.${line.said_kind}`, line.said_kind);
  const by = line.said_kind === "note" ? say("compose.note") : line.said_by === "customer" ? "" : say(`author.${line.said_by}`);
  return by ? [h("b", {}, `${by}: `), said] : [said];
}

export function tagsOf(line) {
  return [
    line.priority > 0 && h("span", { class: "tag hot" }, say("list.urgent")),
    h("span", { class: `tag ${line.reason === "anger" || line.reason === "dissatisfied" ? "warm" : ""}` }, say(`reason.${line.reason}`)),
    h("span", { class: "tag" }, channelName(line.channel), line.public && ` · ${say("list.public")}`),
  ];
}

function holderOf(line) {
  if (line.ended_at) return h("span", { class: "holder" }, [say(`state.${line.state}`), line.agent_name].filter(Boolean).join(" · "));
  if (line.agent === setting.me) return h("span", { class: "holder mine" }, say("list.me"));
  if (line.agent) return h("span", { class: "holder" }, line.agent_name);
  return line.prefer === setting.me ? h("span", { class: "holder mine" }, say("list.prefers_me")) : null;
}

function follow(event) {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(event.currentTarget.getAttribute("href").split("/").pop());
}

function tick() {
  for (const element of document.querySelectorAll("[data-since]")) {
    const since = Number(element.dataset.since);
    const age = now() - since;
    element.textContent = waited(since);
    element.classList.toggle("long", age >= LONG && age < LATE);
    element.classList.toggle("late", age >= LATE);
  }
}

/** Open a case and put it into the URL; null returns to the list. */
function go(id, replace = false) {
  history[replace ? "replaceState" : "pushState"](null, "", `${setting.prefix}/desk${id ? `/cases/${id}` : ""}`);
  return open(id);
}

async function open(id) {
  if (id !== state.open) state.sheet = null;
  state.open = id;
  desk.dataset.room = id ? "case" : "list";
  desk.dataset.about = "";
  showList();
  if (!state.sheet) showComing();
  if (id) await readCase();
}

/** Show what the list knows of the case while it is read, so that typing can begin. */
function showComing() {
  const line = current();
  state.coming = Boolean(line);
  if (!line) { showSheet(); return; }
  for (const id of ["head", "thread", "compose"]) find(id).hidden = false;
  find("nothing").hidden = true;
  find("case").classList.add("coming");
  find("about").replaceChildren();
  showHead({ line });
  showCompose({ line, threads: [], partial: true }, true);
}

async function readCase() {
  const id = state.open;
  try {
    const sheet = await call("GET", `cases/${id}`);
    if (id !== state.open) return; // another case was opened meanwhile
    const fresh = state.sheet === null;
    state.sheet = sheet;
    meet(sheet);
    showList();
    showSheet(fresh);
  } catch (refusal) {
    if (refusal.status === 404) go(null, true);
    toast(refusal.message);
  }
}

function showSheet(fresh = false) {
  const { sheet } = state;
  find("case").classList.remove("coming");
  for (const id of ["head", "handoff", "thread", "compose"]) find(id).hidden = !sheet;
  find("nothing").hidden = Boolean(sheet);
  find("about").replaceChildren();
  if (!sheet) return;
  showHead(sheet);
  showCase(sheet, fresh, sendAgain);
  showCompose(sheet, fresh && !state.coming);
  showAbout(sheet);
}

function showHead({ line }) {
  const told = JSON.stringify([line.id, line.state, line.agent, line.agent_name, line.reason, line.priority, line.waiting_since, line.ended_at, customerName(line)]);
  if (find("head").dataset.shown === told) return; // rebuilding it would take the focus from its buttons
  find("head").dataset.shown = told;
  const mine = line.agent === setting.me && line.state === "claimed";
  const mayEnd = line.state === "waiting" || mine || ["lead", "admin"].includes(setting.role);
  const ended = !["waiting", "claimed"].includes(line.state);
  const acts = ended ? [] : [
    line.state === "waiting" && act("claim", "primary", "c"),
    line.state === "claimed" && mayEnd && act("release", "quiet"),
    mayEnd && line.reason !== "overheard" && act("hand_back", "quiet"),
    mayEnd && act("resolve", mine ? "primary" : "", mine ? "e" : null, line.reason === "overheard" && !mine ? "dismiss" : "resolve"),
  ];
  const info = h("button", { type: "button", class: "quiet narrow-only info-button", onclick: toggleAbout, "aria-label": say("thread.info"), title: say("thread.info") }, "ⓘ");
  find("head").replaceChildren(
    h("button", { type: "button", class: "quiet narrow-only", onclick: () => go(null), "aria-label": say("thread.back") }, "‹"),
    h("div", { class: "titles" }, h("h2", {}, customerName(line)), stateOf(line, mine)),
    info,
    h("div", { class: "acts" }, acts));
  tick();
}

function stateOf(line, mine) {
  const who = mine ? say("state.mine") : say(`state.${line.state}`, { who: line.agent_name || say("who.somebody") });
  return h("p", { class: `state ${mine ? "mine" : ""}`, role: "status" }, h("b", {}, who), line.waiting_since > 0 && h("span", { class: "waits" }, `${say("state.waits")} `, waitOf(line)), tagsOf(line));
}

function act(name, kind, key, words = name) {
  return h("button", { type: "button", class: kind, onclick: () => move(name), "aria-keyshortcuts": key }, say(`act.${words}`));
}

function toggleAbout() { desk.dataset.about = desk.dataset.about === "open" ? "" : "open"; }

/** Claim, release, resolve or hand back the open case. When a case ends, the next one is opened. */
async function move(name) {
  const id = state.open;
  if (!id || state.moving) return;
  const next = neighbour(1) ?? neighbour(-1);
  const moved = call("POST", `cases/${id}/${name.replace("_", "-")}`);
  if (name === "claim") claiming(id, moved);
  state.moving = true;
  try {
    await moved;
    if (name !== "claim") toast(say(`act.done.${name}`));
    if (name === "resolve" || name === "hand_back") await go(next);
  } catch (refusal) {
    toast(refusal.message);
    if (name === "claim") claimed();
  } finally {
    state.moving = false;
  }
  await refresh();
  if (name === "claim") claimed();
}

async function sendAgain(piece) {
  if (piece.state === "in_doubt" && !confirm(say("delivery.again.ask"))) return;
  try { await call("POST", `cases/${state.open}/outgoing/${piece.id}/send-again`); } catch (refusal) { toast(refusal.message); }
  await refresh();
}

function neighbour(step) {
  const ids = shown().map((line) => line.id);
  const at = ids.indexOf(state.open);
  return at < 0 ? ids[0] ?? null : ids[at + step] ?? null;
}

/** Read everything again. Calls during a run cause one more run. */
async function refresh() {
  if (state.reading) { state.again = true; return state.reading; }
  state.reading = (async () => {
    do {
      state.again = false;
      await Promise.all([readBoard(), state.open ? readCase() : null]).catch((refusal) => toast(refusal.message));
      if (state.again) await new Promise((rested) => setTimeout(rested, 300)); // limits how often a busy desk is read
    } while (state.again);
    state.reading = null;
  })();
  return state.reading;
}

function listen() {
  const live = find("live");
  const events = new EventSource(`${setting.prefix}/api/desk/events`);
  const show = (on) => { live.className = `live ${on ? "on" : "off"}`; live.textContent = on ? live.dataset.on : live.dataset.off; };
  events.addEventListener("changed", refresh);
  events.onopen = () => show(true);
  events.onerror = () => {
    show(false);
    if (events.readyState === EventSource.CLOSED) { setTimeout(listen, 3000); refresh(); }
  };
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  c: () => (current()?.state === "waiting" ? move("claim") : current()?.agent === setting.me && compose("reply")),
  r: () => current() && compose("reply"),
  n: () => current() && compose("note"),
  e: () => state.sheet?.line.agent === setting.me && move("resolve"),
  "?": () => find("keys").showModal(),
};

async function look(tab) {
  state.tab = tab;
  showList();
  await search().catch((refusal) => toast(refusal.message));
  showList();
}

function step(by) {
  const id = neighbour(by);
  if (!id) return;
  go(id);
  document.querySelector(".line[aria-current='true']")?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (byInputMethod(event)) return;
  const writing = event.target.closest("input:not([type=radio]), textarea, select, dialog");
  if (event.key === "Escape" && writing) { event.target.blur(); find("case").focus(); return; }
  if (writing || event.metaKey || event.ctrlKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
for (const button of document.querySelectorAll("[data-tab]")) {
  button.addEventListener("click", () => look(button.dataset.tab));
}
let asking;
const seek = () => look(state.tab === "ended" ? "ended" : "all"); // of all agents
find("sought").addEventListener("input", () => { clearTimeout(asking); asking = setTimeout(seek, 250); });
find("search").addEventListener("submit", (event) => { event.preventDefault(); seek(); });
find("lines-more").addEventListener("click", () => { state.limit = Math.min(MOST, state.limit + 200); refresh(); });
find("keys-open").addEventListener("click", keys["?"]);
find("compose").addEventListener("written", refresh);
window.addEventListener("popstate", () => open(location.pathname.split("/cases/")[1] ?? null));
setInterval(tick, 1000);
setInterval(refresh, 15000); // for changes that the event stream has missed

/** Reads by the page do not keep the session alive, so a person's use of the page is reported once a minute. */
let reportedAt = Date.now();
function reportPresence() {
  if (Date.now() - reportedAt < 60000) return;
  reportedAt = Date.now();
  call("POST", "here").catch(() => {}); // the next report may succeed
}
for (const sign of ["keydown", "pointerdown", "wheel"]) document.addEventListener(sign, reportPresence, { passive: true });

listen();
open(location.pathname.split("/cases/")[1] ?? null);
refresh();

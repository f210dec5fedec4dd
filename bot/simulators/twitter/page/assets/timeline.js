// Post and write as several people. The platform keeps the truth; this page asks for it once and then listens.
import { $, byInputMethod, call, composer, conversation, face, hours, hue, listen, make, personRow, setNow, showWireRows, t, view, wireRow } from "../frame/frame.js";

const state = { brand: {}, people: new Map(), posts: new Map(), talk: new Map(), unread: new Map(), calls: [], faults: {}, webhooks: [], open: "", tab: "posts", about: null };
const counted = new Set(["html", "limited", "truncate", "drop", "error", "duplicate", "swap"]);
const seconds = { slow: 3, lag: 10 };

// People

function showPeople() {
  $("people").replaceChildren(...[...state.people.values()].map((someone) => personRow(someone.name,
    `@${someone.username}${someone.blocks ? ` · ${t.blocks_brand}` : ""}`, someone.id, state.unread.get(someone.id) ?? 0,
    someone.id === state.open, () => open(someone.id, true))));
  const someone = state.people.get(state.open);
  $("speaker").replaceChildren(...(someone ? [face(someone.name, hue(someone.id))] : []));
  const unread = state.unread.get(state.open) ?? 0;
  $("unread").hidden = !unread;
  $("unread").textContent = `${unread}`;
  for (const part of ["draft", "send", "mention"]) $(part).disabled = !someone;
  showBlock(someone);
}

function showBlock(someone) {
  $("block")?.remove();
  if (!someone) return;
  const act = () => call("PUT", `api/people/${someone.id}/block`, { on: !someone.blocks });
  $("new-person").before(make("button", { id: "block", type: "button", className: "quiet", onclick: act },
    someone.blocks ? t.unblock : t.block));
}

async function open(id, byHand) {
  state.open = id;
  history.replaceState(null, "", `#${id}`);
  $("language").hash = id;
  if (byHand) view("chat");
  if (state.tab === "messages") await openTalk();
  showPeople();
  showPosts();
  if (byHand) $("draft").focus();
}

// Posts: threads by their newest post, the newest thread at the end, where one writes

function showPosts() {
  const threads = new Map();
  for (const post of state.posts.values()) threads.set(post.thread, [...(threads.get(post.thread) ?? []), post]);
  const byTime = [...threads.values()].sort((one, other) => one.at(-1).at - other.at(-1).at);
  const rows = byTime.flatMap((posts) => posts.map((post, at) => postRow(post, at < posts.length - 1)));
  const list = $("posts");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80 || !list.querySelector(".post");
  list.replaceChildren(...(rows.length ? rows : [make("div", { className: "none" }, state.people.size ? t.nothing_yet : t.nobody)]));
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function postRow(post, joined) {
  const brand = post.by === state.brand.id;
  const tags = [brand ? t.brand_tag : "", post.edited ? t.edited : "", [...post.text].length > 280 ? t.long : ""].filter(Boolean);
  const who = make("div", { className: "who" }, make("b", {}, post.name), make("span", {}, `@${post.username}`),
    make("time", {}, hours(post.at)), ...tags.map((tag) => make("span", { className: "tag" }, tag)));
  const row = make("article", { className: `post${joined ? " joined" : ""}${post.by === state.open ? " mine" : ""}` },
    face(post.name, brand ? "account" : hue(post.by)),
    make("div", { className: "body" }, who, textOf(post), quoted(post), privateDoor(post, brand), deeds(post)));
  row.dataset.post = post.id;
  return row;
}

// The text with its handles and links marked; places are counted in code points.
function textOf(post) {
  const letters = [...post.text];
  const marks = [...post.mentions.map((one) => ({ ...one, link: "" })), ...post.links.map((one) => ({ ...one, link: one.address }))]
    .sort((one, other) => one.start - other.start);
  const parts = [];
  let at = 0;
  for (const mark of marks) {
    parts.push(letters.slice(at, mark.start).join(""));
    parts.push(mark.link ? linkTo(mark.link) : make("i", {}, letters.slice(mark.start, mark.end).join("")));
    at = mark.end;
  }
  return make("p", { className: "text" }, ...parts, letters.slice(at).join(""));
}

function linkTo(address) {
  const shown = address.replace(/^https?:\/\//, "");
  const link = make("a", { rel: "noreferrer noopener", target: "_blank" }, shown.length > 36 ? `${shown.slice(0, 35)}…` : shown);
  link.href = /^https?:\/\//.test(address) ? address : `http://${address}`;
  return link;
}

function quoted(post) {
  return post.quotes ? make("p", { className: "quoted" }, make("b", {}, post.quotes.name), ` ${post.quotes.text}`) : null;
}

// A link to the brand's messages shows as a button, as X shows it.
function privateDoor(post, brand) {
  const offered = brand && post.links.some((one) => one.address.includes("messages/compose?recipient_id="));
  const go = () => { tab("messages"); $("draft").focus(); };
  return offered ? make("button", { type: "button", className: "quiet door", onclick: go }, t.private) : null;
}

function deeds(post) {
  const deed = (words, act) => make("button", { type: "button", onclick: act }, words);
  const own = post.by === state.open ? [deed(t.edit, () => about("editing", post)),
    deed(t.remove, () => call("DELETE", `api/posts/${post.id}`))] : [];
  return make("div", { className: "deeds" }, deed(t.reply, () => about("replying", post)),
    deed(t.quote, () => about("quoting", post)), ...own);
}

// What the next post is about: a reply, a quote, or a new version of one's own post
function about(kind, post) {
  state.about = kind ? { kind, post } : null;
  $("context").hidden = !kind;
  if (!kind) return;
  $("context").firstElementChild.textContent = t[kind].replace("{name}", post.name);
  if (kind === "editing") $("draft").value = [...post.text].slice(post.opens_at).join("");
  $("draft").focus();
}

function say(text) {
  if (!text.trim() || !state.open) return;
  if (state.tab === "messages") call("POST", `api/people/${state.open}/messages`, { text });
  else if (state.about?.kind === "editing") call("PUT", `api/posts/${state.about.post.id}`, { text });
  else call("POST", "api/posts", { by: state.open, text, reply_to: idOf("replying"), quotes: idOf("quoting") });
  about(null);
}

const idOf = (kind) => (state.about?.kind === kind ? state.about.post.id : "");

// Direct messages

const messages = conversation((id) => (id ? call("GET", `api/people/${id}/messages`) : []));

async function openTalk() {
  const talk = await messages.read(state.open);
  if (!talk) return;
  state.talk = talk;
  state.unread.delete(state.open);
  const rows = [...state.talk.values()].map(messageRow);
  $("talk").replaceChildren(...(rows.length ? rows : [make("div", { className: "none" }, state.open ? t.no_messages : t.nobody)]));
  $("talk").scrollTop = $("talk").scrollHeight;
}

const messageRow = (one) => make("div", { className: `dm${one.mine ? " mine" : ""}` }, make("p", {}, one.text), make("time", {}, hours(one.at)));

function heardMessage(one) {
  if (one.with === state.open && state.tab === "messages") {
    messages.tell(one);
    if (state.talk.has(one.id)) return;
    if (!state.talk.size) $("talk").replaceChildren();
    state.talk.set(one.id, one);
    $("talk").append(messageRow(one));
    $("talk").scrollTop = $("talk").scrollHeight;
  } else if (!one.mine) {
    state.unread.set(one.with, (state.unread.get(one.with) ?? 0) + 1);
    showPeople();
  }
}

async function tab(name) {
  state.tab = name;
  for (const button of document.querySelectorAll("[data-tab]")) button.setAttribute("aria-pressed", `${button.dataset.tab === name}`);
  $("posts").hidden = name !== "posts";
  $("talk").hidden = name !== "messages";
  $("mention").hidden = name !== "posts";
  const words = name === "posts" ? t.write_post : t.write_message;
  $("draft").placeholder = words;
  $("draft-label").textContent = words;
  $("send").textContent = name === "posts" ? t.post : t.send;
  about(null);
  if (name === "messages") await openTalk();
  showPeople();
}

// Behind the scenes

function showWire() {
  showWireRows(state.calls.slice(-60).reverse().map((one) => {
    const mood = one.outcome === "ok" ? "" : ["dropped", "timeout", "429"].includes(one.outcome) ? "warn" : "bad";
    const detail = [one.took >= 1 ? `${Math.round(one.took)}\u00a0ms` : ""];
    return wireRow(one.at, `${t[`way_${one.way}`]} ${one.what}`, detail, t[`outcome_${one.outcome}`] ?? one.outcome, mood);
  }));
}

function showHook(webhooks) {
  const words = webhooks.length ? webhooks.flatMap((one) => [`${t.webhook} `, make("code", {}, one.url), one.valid ? "" : ` ${t.invalid}`]) : [t.no_webhook];
  $("hook").replaceChildren(...words);
}

function showFaults() {
  for (const box of $("faults").elements) box.checked = Boolean(state.faults[box.name]);
}

function setFaults() {
  const chosen = [...$("faults").elements].map((box) => [box.name, valueOf(box)]);
  return call("PUT", "api/faults", Object.fromEntries(chosen));
}

function valueOf(box) {
  if (box.name in seconds) return box.checked ? seconds[box.name] : 0;
  return counted.has(box.name) ? Number(box.checked) : box.checked;
}

// Asking and listening

function take(all) {
  setNow(all.now);
  state.brand = all.brand;
  state.people = new Map(all.people.map((someone) => [someone.id, someone]));
  state.posts = new Map(all.posts.map((post) => [post.id, post]));
  state.calls = all.calls;
  state.faults = all.faults;
  state.webhooks = all.webhooks;
}

async function show() {
  showWire();
  showFaults();
  showHook(state.webhooks);
  const wished = state.open || location.hash.slice(1);
  await open(state.people.has(wished) ? wished : [...state.people.keys()][0] ?? "", false);
}

composer($("composer"), $("draft"), say);
$("forget").addEventListener("click", () => about(null));
$("mention").addEventListener("click", () => {
  $("draft").value = `@${state.brand.username} ${$("draft").value}`;
  $("draft").focus();
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !byInputMethod(event) && state.about) about(null); });
for (const button of document.querySelectorAll("[data-tab]")) button.addEventListener("click", () => tab(button.dataset.tab));
for (const button of document.querySelectorAll("[data-ask]")) button.addEventListener("click", () =>
  say(state.tab === "posts" && !state.about ? `@${state.brand.username} ${button.dataset.ask}` : button.dataset.ask));
$("new-person").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, username, messages_open } = event.target.elements;
  const someone = await call("POST", "api/people", { name: name.value, username: username.value, messages_open: messages_open.checked });
  event.target.reset();
  state.people.set(someone.id, someone);
  await open(someone.id, true);
});
$("faults").addEventListener("change", setFaults);
const refresh = listen({
  post: (post) => { state.posts.set(post.id, post); showPosts(); },
  gone: (post) => { state.posts.delete(post.id); showPosts(); },
  message: heardMessage,
  person: (someone) => { state.people.set(someone.id, someone); showPeople(); },
  call: (one) => { state.calls = [...state.calls.slice(-199), one]; showWire(); if (one.way === "crc") refresh(); },
  faults: (faults) => { state.faults = faults; showFaults(); },
}, take, show);

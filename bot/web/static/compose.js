// Where an agent writes: to the customer or to colleagues, counted as the platform counts.
import { accountName, call, channelName, h, moment, say, setting, toast } from "./ground.js";

const TYPING = 15_000; // how long the platforms show it

const find = (id) => document.getElementById(id);
const form = find("compose"), draft = find("draft"), to = find("to");
let sheet = null;
let key = "";
let shownTyping = 0; // until when the customer sees that somebody writes, in this page's milliseconds

const mode = () => form.elements.mode.value;
const store = () => `draft-${setting.me}-${sheet.line.id}-${mode()}`;
const mine = () => sheet.line.agent === setting.me && sheet.line.state === "claimed";
const target = () => sheet.threads.find((one) => one.id === to.value);
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Put the cursor where a reply or a note is written. */
export function compose(kind) {
  if (mode() !== kind) { form.elements.mode.value = kind; change(); }
  draft.focus();
}

export function showCompose(next, fresh) {
  sheet = next;
  showTargets(fresh);
  if (fresh) {
    form.elements.mode.value = "reply";
    change();
  }
  show();
}

function showTargets(fresh) {
  const joined = sheet.threads.filter((one) => one.joined).sort((one, other) => other.heard_at - one.heard_at);
  const before = fresh ? null : to.value;
  to.replaceChildren(...joined.map((one) => h("option", { value: one.id }, `${channelName(one.channel)} · ${accountName(one.account)}${one.public ? ` · ${say("list.public")}` : ""}`)));
  if (joined.some((one) => one.id === before)) to.value = before;
}

function change() {
  draft.value = sessionStorage.getItem(store()) ?? "";
  key = newKey();
  show();
}

function show() {
  const note = mode() === "note";
  form.classList.toggle("note", note);
  draft.disabled = !note && (!mine() || Boolean(target()?.overheard));
  draft.placeholder = draft.disabled ? "" : say(note ? "compose.note.hint" : "compose.reply.hint");
  find("to-row").hidden = note || to.options.length < 2;
  find("send").textContent = say(note ? "compose.keep" : "compose.send");
  const { words, warn } = bannerOf(note);
  find("banner").textContent = words;
  find("banner").classList.toggle("warn", warn);
  count();
}

function bannerOf(note) {
  const { line } = sheet;
  if (note || !target()) return { words: "", warn: false };
  if (target().overheard) return { words: say("compose.overheard"), warn: true };
  if (line.state === "waiting") return { words: say("compose.claim_first"), warn: false };
  if (line.state !== "claimed") return { words: say("compose.ended"), warn: false };
  if (!mine()) return { words: say("compose.theirs", { who: line.agent_name }), warn: true };
  if (target().public) return { words: say("compose.public"), warn: true };
  return { words: target().limits.active ? "" : say("quota.fetch"), warn: false };
}

const LINK = /https?:\/\/\S+/g;
const LIGHT = /[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]/;

/** X's own counting, near enough while typing: the server has the last word (twitter-text, config v3). */
function weighed(text) {
  const links = text.match(LINK) ?? [];
  return [...text.normalize("NFC").replace(LINK, "")].reduce((sum, sign) => sum + (LIGHT.test(sign) ? 1 : 2), 23 * links.length);
}

const MEASURES = {
  bytes: (text) => new TextEncoder().encode(text).length,
  characters: (text) => [...text].length,
  weighted: weighed,
};

/** The length and the quota of what stands in the box now; sending is possible only inside both. */
function count() {
  const note = mode() === "note" || !target();
  const text = draft.value.trim();
  let fits = true;
  find("count").textContent = "";
  find("quota").textContent = "";
  if (!note && mine() && !target().overheard) {
    const { length, unit, left } = target().limits;
    const used = MEASURES[unit](text);
    const pieces = Math.max(1, Math.ceil(used / length));
    fits = (left == null || pieces <= left) && (pieces === 1 || !target().public);
    find("count").textContent = say(`compose.${unit}`, { used, most: length }) + (pieces > 1 ? ` · ${say("compose.pieces", { count: pieces })}` : "");
    find("count").classList.toggle("over", pieces > 1);
    showQuota(target());
  }
  find("send").disabled = draft.disabled || !text || !fits;
}

function showQuota({ limits, sent_in_window: sent }) {
  const quota = find("quota");
  quota.className = `quota ${limits.left === 0 ? "none" : limits.left === 1 ? "low" : ""}`;
  if (limits.left == null) return;
  const until = limits.window_until ? ` · ${say("quota.until", { time: moment(limits.window_until) })}` : "";
  quota.textContent = limits.left === 0 ? say("quota.none") : say("quota.left", { left: limits.left, most: limits.left + sent }) + until;
}

async function send() {
  const note = mode() === "note";
  const text = draft.value.trim();
  if (find("send").disabled) return;
  const [place, kept] = [`cases/${sheet.line.id}`, store()];
  find("send").disabled = true;
  try {
    if (note) await call("POST", `${place}/note`, { text });
    else await call("POST", `${place}/reply`, { text, key, conversation: to.value });
    sessionStorage.removeItem(kept);
    shownTyping = 0;
    if (kept === store()) change();
  } catch (refusal) {
    toast(refusal.message);
    count();
  }
  form.dispatchEvent(new Event("written"));
}

/** The customer sees that somebody writes. Whatever comes of it, nobody is kept from writing. */
function tellTyping() {
  const { limits } = target() ?? {};
  if (mode() === "note" || !mine() || !limits?.active || !draft.value.trim() || performance.now() < shownTyping) return;
  shownTyping = performance.now() + TYPING;
  call("POST", `cases/${sheet.line.id}/typing`, { conversation: to.value }).catch(() => {});
}

form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
form.addEventListener("change", (event) => (event.target.name === "mode" ? change() : show()));
draft.addEventListener("input", () => { sessionStorage.setItem(store(), draft.value); count(); tellTyping(); });
draft.addEventListener("keydown", (event) => {
  // A Chinese input method uses Enter to choose a word; that is not the end of the message.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});

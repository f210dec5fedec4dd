// The form for replies and notes, with the length counted as the platform counts it.
import { accountName, byInputMethod, call, channelName, h, moment, say, setting, toast } from "./common.js";

const TYPING = 15_000; // milliseconds for which platforms show a typing indicator
const JUST_NOW = 5_000; // milliseconds

const find = (id) => document.getElementById(id);
const form = find("compose"), draft = find("draft"), to = find("to");
const typed = new Map(); // drafts by box: one box per case for a reply, and one for a note
const leaving = new Map(); // by box, what was sent and is not yet accepted by the server, oldest first
let sheet = null;
let claim = null; // a claim without a response yet: { id, made }
let refused = { text: "", key: "" }; // what was refused last
let composing = false; // an input method composes in the box
let typedAt = -Infinity; // when the last key was typed, by performance.now()
let shownTyping = 0; // until when the customer sees the typing indicator, by performance.now()

const mode = () => form.elements.mode.value;
const boxName = () => `draft-${setting.me}-${sheet.line.id}-${mode()}`;
const owned = () => sheet.line.agent === setting.me && sheet.line.state === "claimed";
const mine = () => owned() || claim?.id === sheet.line.id;
const locked = () => mode() !== "note" && (!mine() || Boolean(target()?.overheard));
const target = () => sheet.threads.find((one) => one.id === to.value);
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Focus the box for a reply or a note, without waiting: the next key may already belong to it. */
export function compose(kind) {
  if (mode() !== kind) { form.elements.mode.value = kind; change(); }
  draft.focus();
}

/** The case is being claimed: a reply can be written now, and is sent once the case is claimed. */
export function claiming(id, made) {
  made.catch(() => {}); // the caller shows the error
  claim = { id, made };
  show();
  compose(sheet.line.reason === "overheard" ? "note" : "reply");
}

/** The claim has succeeded or failed, and the case has been read again. */
export function claimed() {
  claim = null;
  show();
}

/** Show the form for a case. `next.partial`: only its line is known; a reply can be written and not sent yet. */
export function showCompose(next, fresh) {
  sheet = next;
  showTargets(fresh);
  if (fresh) {
    form.elements.mode.value = "reply";
    change();
  }
  show();
  if (performance.now() - typedAt < JUST_NOW) tellTyping(); // what was typed while the claim was on its way
}

function showTargets(fresh) {
  const joined = sheet.threads.filter((one) => one.joined).sort((one, other) => other.heard_at - one.heard_at);
  const before = fresh ? null : to.value;
  to.replaceChildren(...joined.map((one) => h("option", { value: one.id }, `${channelName(one.channel)} · ${accountName(one.account)}${one.public ? ` · ${say("list.public")}` : ""}`)));
  if (joined.some((one) => one.id === before)) to.value = before;
}

function change() {
  draft.value = typed.get(boxName()) ?? sessionStorage.getItem(boxName()) ?? "";
  show();
}

function show() {
  const note = mode() === "note";
  form.classList.toggle("note", note);
  // Never while it has the focus: the next letters would be taken for the page's shortcuts.
  draft.disabled = locked() && !draft.value && document.activeElement !== draft;
  draft.placeholder = draft.disabled ? "" : say(note ? "compose.note.placeholder" : "compose.reply.placeholder");
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
  if (!mine() && line.state === "waiting") return { words: say("compose.claim_first"), warn: false };
  if (!mine() && line.state !== "claimed") return { words: say("compose.ended"), warn: false };
  if (!mine()) return { words: say("compose.theirs", { who: line.agent_name }), warn: true };
  if (target().public) return { words: say("compose.public"), warn: true };
  return { words: target().limits.active ? "" : say("quota.fetch"), warn: false };
}

const LINK = /https?:\/\/\S+/g;
const LIGHT = /[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]/;

/** X's weighted length, approximately; the server counts exactly (twitter-text, config v3). */
function weighed(text) {
  const links = text.match(LINK) ?? [];
  return [...text.normalize("NFC").replace(LINK, "")].reduce((sum, sign) => sum + (LIGHT.test(sign) ? 1 : 2), 23 * links.length);
}

const MEASURES = {
  bytes: (text) => new TextEncoder().encode(text).length,
  characters: (text) => [...text].length,
  weighted: weighed,
};

/** Show the length of the draft and the quota. Sending is possible only within both. */
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
  find("leaving").textContent = leaving.has(boxName()) ? say("delivery.sending") : "";
  find("send").disabled = locked() || !text || !fits || (sheet.partial && mode() !== "note");
}

function showQuota({ limits, sent_in_window: sent }) {
  const quota = find("quota");
  quota.className = `quota ${limits.left === 0 ? "none" : limits.left === 1 ? "low" : ""}`;
  if (limits.left == null) return;
  const until = limits.window_until ? ` · ${say("quota.until", { time: moment(limits.window_until) })}` : "";
  quota.textContent = limits.left === 0 ? say("quota.none") : say("quota.left", { left: limits.left, most: limits.left + sent }) + until;
}

/** Keep the draft of a box in sessionStorage, after texts that were sent and may be refused: both survive a reload. */
function keepDraft(box, text) {
  typed.set(box, text);
  const all = [...(leaving.get(box) ?? []).map((one) => one.text), text].filter(Boolean).join("\n");
  if (all) sessionStorage.setItem(box, all);
  else sessionStorage.removeItem(box);
}

/** Empty the box at once, so that the next text can be typed while this one is sent. */
function send() {
  if (find("send").disabled) return;
  const [box, text] = [boxName(), draft.value.trim()];
  const path = `cases/${sheet.line.id}/${mode()}`;
  const reply = { text, key: text === refused.text ? refused.key : newKey(), conversation: to.value };
  const one = { text, path, body: mode() === "note" ? { text } : reply, claim: claim?.id === sheet.line.id ? claim.made : null };
  leaving.set(box, [...(leaving.get(box) ?? []), one]);
  draft.value = "";
  keepDraft(box, "");
  shownTyping = 0;
  show();
  if (leaving.get(box).length === 1) deliver(box);
}

/** Send the texts of a box in order. A refused one returns to the box with all texts after it. */
async function deliver(box) {
  try {
    while (leaving.get(box).length) {
      const [one] = leaving.get(box);
      await one.claim;
      await call("POST", one.path, one.body);
      leaving.get(box).shift();
      keepDraft(box, typed.get(box));
      form.dispatchEvent(new Event("written"));
    }
    leaving.delete(box);
    show();
  } catch (refusal) {
    toast(refusal.message);
    putBack(box);
    form.dispatchEvent(new Event("written"));
  }
}

function putBack(box) {
  if (composing && box === boxName()) {
    draft.addEventListener("compositionend", () => putBack(box), { once: true });
    return;
  }
  const back = leaving.get(box);
  refused = { text: back[0].text, key: back[0].body.key };
  const text = [...back.map((one) => one.text), typed.get(box)].filter(Boolean).join("\n");
  leaving.delete(box);
  keepDraft(box, text);
  if (box === boxName()) draft.value = text;
  show();
}

/** Show the customer the typing indicator. Errors are ignored. */
function tellTyping() {
  const { limits } = target() ?? {};
  if (mode() === "note" || !owned() || !limits?.active || !draft.value.trim() || performance.now() < shownTyping) return;
  shownTyping = performance.now() + TYPING;
  call("POST", `cases/${sheet.line.id}/typing`, { conversation: to.value }).catch(() => {});
}

form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
form.addEventListener("change", (event) => (event.target.name === "mode" ? change() : show()));
draft.addEventListener("input", () => { typedAt = performance.now(); keepDraft(boxName(), draft.value); count(); tellTyping(); });
draft.addEventListener("blur", () => show());
draft.addEventListener("compositionstart", () => { composing = true; });
draft.addEventListener("compositionend", () => { composing = false; });
draft.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || byInputMethod(event)) return;
  event.preventDefault();
  send();
});

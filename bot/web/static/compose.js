// Where an agent writes: to the customer or to colleagues, counted as the platform counts.
import { accountName, call, channelName, h, moment, say, setting, toast } from "./ground.js";

const find = (id) => document.getElementById(id);
const form = find("compose"), draft = find("draft"), to = find("to");
let sheet = null;
let key = "";

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
  draft.disabled = !note && !mine();
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
  if (line.state === "waiting") return { words: say("compose.claim_first"), warn: false };
  if (line.state !== "claimed") return { words: say("compose.ended"), warn: false };
  if (!mine()) return { words: say("compose.theirs", { who: line.agent_name }), warn: true };
  if (target().public) return { words: say("compose.public"), warn: true };
  return { words: target().limits.active ? "" : say("quota.fetch"), warn: false };
}

/** The length and the quota of what stands in the box now; sending is possible only inside both. */
function count() {
  const note = mode() === "note" || !target();
  const text = draft.value.trim();
  let fits = true;
  find("count").textContent = "";
  find("quota").textContent = "";
  if (!note && mine()) {
    const { length, unit, left } = target().limits;
    const used = unit === "bytes" ? new TextEncoder().encode(text).length : [...text].length;
    const pieces = Math.max(1, Math.ceil(used / length));
    fits = left == null || pieces <= left;
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
    if (kept === store()) change();
  } catch (refusal) {
    toast(refusal.message);
    count();
  }
  form.dispatchEvent(new Event("written"));
}

form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
form.addEventListener("change", (event) => (event.target.name === "mode" ? change() : show()));
draft.addEventListener("input", () => { sessionStorage.setItem(store(), draft.value); count(); });
draft.addEventListener("keydown", (event) => {
  // A Chinese input method uses Enter to choose a word; that is not the end of the message.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});

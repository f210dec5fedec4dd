// Chat as several followers. The platform keeps the truth; this page asks for it once and then listens.
import { $, byInputMethod, call, composer, conversation, face, hours, hue, listen, make, now, personRow, setNow, showWireRows, t, view, wireRow } from "../frame/frame.js";

const asked = new URLSearchParams(location.search); // as, phone: whose phone it is, when it stands alone in a frame
const state = { followers: new Map(), lines: new Map(), calls: [], open: "", shown: "", unread: new Map(), faults: {}, sms: [], shut: new Set() };

// Followers

function showFollowers() {
  $("followers").replaceChildren(...[...state.followers.values()].map(followerRow));
  const someone = holder();
  $("asking").hidden = !someone?.following;
  $("stranger").hidden = !someone || someone.following;
  $("unfollow").hidden = !someone?.following;
  $("speaker").textContent = someone?.name ?? "";
  showWhose();
  showQuota();
}

// On a phone that stands alone, its owner is chosen above it.
function showWhose() {
  $("who")?.replaceChildren(...[...state.followers.values()].map((one) =>
    make("option", { value: one.openid, selected: one.openid === state.open }, one.name)));
}

function followerRow(someone) {
  const detail = someone.following ? someone.phone || someone.openid.slice(0, 12) + "…" : t.not_following;
  return personRow(someone.name, detail, someone.openid, state.unread.get(someone.openid) ?? 0,
    someone.openid === state.open, () => open(someone.openid, true));
}

const chat = conversation(async (openid) => (await call("GET", `api/followers/${openid}`)).lines);

async function open(openid, byHand) {
  state.open = openid;
  state.unread.delete(openid);
  history.replaceState(null, "", `#${openid}`);
  $("language").hash = openid;
  if (byHand) view("chat");
  showFollowers();
  const lines = await chat.read(openid);
  if (!lines) return;
  state.lines = lines;
  state.shown = openid;
  showLines();
  showSms();
  if (byHand) $("draft").focus();
}

const holder = () => state.followers.get(state.open);

function showQuota() {
  const quota = holder()?.quota;
  const usable = quota?.until && quota.until > now();
  const [left, total] = usable ? [quota.left, quota.of] : [0, 5];
  $("dots").replaceChildren(...Array.from({ length: total },
    (_, at) => make("i", { className: at < left ? "full" : "" })));
  $("quota").textContent = usable ? t.quota_left.replace("{n}", left).replace("{of}", total).replace("{span}", span(quota.until - now())) : t.quota_none;
  if ($("quota-short")) $("quota-short").textContent = holder() ? t.quota_short.replace("{n}", left).replace("{of}", total) : "";
}

function span(seconds) {
  const [h, m, s] = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((part) => String(Math.floor(part)).padStart(2, "0"));
  return `${h}:${m}:${s}`;
}

// The chat

function showLines() {
  const rows = [];
  let last = 0;
  for (const line of state.lines.values()) {
    rows.push(...rowsFor(line, last));
    last = line.at;
  }
  $("lines").replaceChildren(...(rows.length ? rows : [make("div", { className: "empty" }, state.open ? t.nothing_yet : t.nobody)]));
  showChips();
  showTyping();
  toEnd();
}

// Questions are suggested before the first word; after it there is the menu.
function showChips() {
  const before = $("chips").hidden;
  $("chips").hidden = [...state.lines.values()].some((line) => line.side === "follower" && line.kind !== "subscribe");
  if (before !== $("chips").hidden) toEnd();
}

// While the webhook has not answered, or an agent writes (the platform says until when).
function showTyping() {
  const thinking = [...state.lines.values()].some((line) => line.side === "follower" && line.state === "sending");
  const shown = thinking || (holder()?.typing_until ?? 0) > now();
  if ($("typing").hidden === !shown) return;
  $("typing").hidden = !shown;
  toEnd();
}

function rowsFor(line, last) {
  const row = lineRow(line);
  row.dataset.line = line.id;
  return line.at - last > 300 ? [make("div", { className: "when" }, hours(line.at)), row] : [row];
}

// Only what is new or changed is touched, so that screen readers read each line once.
function showLine(line) {
  const old = $("lines").querySelector(`[data-line="${line.id}"]`);
  const last = [...state.lines.values()].at(-1)?.at ?? 0;
  state.lines.set(line.id, line);
  if (old) old.replaceWith(rowsFor(line, Infinity)[0]);
  else if (state.lines.size === 1) showLines();
  else $("lines").append(...rowsFor(line, last));
  showChips();
  showTyping();
  toEnd();
}

const toEnd = () => { $("lines").scrollTop = $("lines").scrollHeight; };

function lineRow(line) {
  if (line.side === "system") return make("div", { className: "notice down" }, line.text);
  if (line.kind === "transfer_customer_service") return make("div", { className: "notice" }, t.transferred);
  const event = eventWords(line);
  if (event) return make("div", { className: "notice" }, event, ...meta(line).map((part) => make("div", {}, part)));
  const name = line.side === "follower" ? state.followers.get(line.openid)?.name ?? "?" : document.title.split(" · ")[1];
  const kind = line.side === "follower" ? hue(line.openid) : "account";
  return make("div", { className: `line ${line.side}` }, face(name, kind), make("div", { className: "said" }, bubble(line), ...meta(line)));
}

function eventWords(line) {
  if (line.side !== "follower" || ["text", "image", "voice", "video", "location", "link"].includes(line.kind)) return "";
  if (line.kind === "click") return `${t.event_click}「${line.text}」`;
  return t[`event_${line.kind}`] ?? `${t.event_other} ${line.kind}`;
}

function bubble(line) {
  const mine = line.side === "follower";
  if (line.kind === "image" && mine && new URL(line.text, location).origin === location.origin)
    return make("div", { className: "bubble picture" }, make("img", { src: line.text, alt: t.image_alt }));
  if (line.kind === "location") return make("div", { className: "bubble place" },
    make("img", { className: "map", alt: "", src: "assets/map.svg" }), make("span", {}, line.text));
  if (line.kind === "voice" && mine) return voice(line);
  const label = ["text", "msgmenu"].includes(line.kind) ? "" : `[${{ image: t.picture, voice: t.voice }[line.kind] ?? line.kind}] `;
  return make("div", { className: "bubble tip" }, label + line.text);
}

function voice(line) {
  const waves = make("span", { className: "waves", ariaHidden: "true" }, ...Array.from({ length: 7 }, () => make("i")));
  const seconds = Math.max(1, Math.min(60, Math.ceil(line.text.length / 4)));
  return make("div", { className: "bubble tip" }, make("span", { className: "voice" }, `${seconds}″`, waves,
    make("span", { className: "hidden" }, t.voice)), line.text);
}

function meta(line) {
  const words = [];
  if (line.state === "sending") words.push(line.attempts ? t.asking_again.replace("{n}", line.attempts + 1) : t.sending);
  if (line.state === "seen" && line.attempts > 1) words.push(t.attempt.replace("{n}", line.attempts));
  if (line.state === "failed") words.push(t.failed);
  if (line.side === "account") words.push(t[`via_${line.via}`]);
  if (line.cut) words.push(t.was_cut);
  return words.length ? [make("span", { className: `meta${line.state === "failed" ? " bad" : ""}` }, words.join(" · "))] : [];
}

function heard(line) {
  if (line.openid === state.open) {
    chat.tell(line);
    if (state.shown === state.open) { showLine(line); showSms(); }
  } else if (line.side !== "follower") {
    state.unread.set(line.openid, (state.unread.get(line.openid) ?? 0) + 1);
    showFollowers();
  }
}

function act(kind, more = {}) {
  if (!state.open) return Promise.resolve();
  return call("POST", `api/followers/${state.open}/messages`, { kind, wait: false, ...more }).catch(() => refresh());
}

function say(text) {
  return text.trim() ? act("text", { text }) : Promise.resolve();
}

function tray(shown) {
  $("tray").hidden = !shown;
  $("more").setAttribute("aria-expanded", `${shown}`);
}

// Text messages

const codeIn = (sms) => /\d{4,8}/.exec(sms.text)?.[0] ?? "";

// The newest one on this phone, until it is closed, its code was sent, or ten minutes have passed.
function showSms() {
  const sms = state.sms.findLast((one) => one.openid && one.openid === state.open);
  const fresh = sms && !state.shut.has(sms.key) && now() - sms.at < 600 && !wasSent(codeIn(sms));
  if (fresh) dropDown(sms);
  $("banner").hidden = !fresh;
}

function wasSent(code) {
  return code && [...state.lines.values()].some((line) => line.side === "follower" && line.text.includes(code));
}

function dropDown(sms) {
  const code = codeIn(sms);
  $("banner").dataset.sms = sms.key;
  $("banner-head").textContent = `${t.sms} · ${sms.phone} · ${hours(sms.at)}`;
  $("banner-body").textContent = sms.text;
  $("banner-fill").hidden = !code;
  $("banner-fill").textContent = `${t.fill} ${code}`;
  $("banner-fill").onclick = () => { $("draft").value = code; shutSms(); };
}

function shutSms() {
  state.shut.add($("banner").dataset.sms);
  showSms();
  $("draft").focus();
}

// Behind the scenes

const warns = new Set(["timeout", "repeated", "dropped", "malformed", "nobody", "45080", "45081"]); // the last two: no typing shown just now
const fine = new Set(["replied", "quiet", "ok", "asked"]);

function showWire() {
  showWireRows(state.calls.slice(-60).reverse().map((one) => {
    const name = state.followers.get(one.openid)?.name ?? "";
    const detail = [name, one.number > 1 ? t.attempt.replace("{n}", one.number) : "", one.took >= 1 ? `${Math.round(one.took)}\u00a0ms` : ""];
    const mood = fine.has(one.outcome) ? "" : warns.has(one.outcome) ? "warn" : "bad";
    return wireRow(one.at, `${t[`way_${one.way}`]} ${one.what}`, detail, t[`outcome_${one.outcome}`] ?? one.outcome, mood);
  }));
}

function showFaults() {
  const form = $("faults").elements;
  for (const name of ["down", "slow", "drop", "duplicate", "swap"]) form[name].checked = Boolean(state.faults[name]);
  form.error.value = state.faults.error_times ? `${state.faults.error}` : "0";
}

function setFaults() {
  const form = $("faults").elements;
  const error = Number(form.error.value);
  const counted = Object.fromEntries(["drop", "duplicate", "swap"].map((name) => [name, form[name].checked ? 1 : 0]));
  return call("PUT", "api/faults", { ...counted, down: form.down.checked, slow: form.slow.checked ? 3 : 0, error, error_times: error ? 1 : 0 });
}

// Asking and listening

// Whose phone the address names; who is not there yet begins to follow.
async function owner() {
  const name = asked.get("as");
  if (!name) return "";
  const known = [...state.followers.values()].find((one) => one.name === name);
  return (known ?? await newFollower(name, asked.get("phone") ?? "")).openid;
}

async function newFollower(name, phone) {
  const someone = await call("POST", "api/followers", { name, phone, follow: true });
  if (!state.followers.has(someone.openid)) state.followers.set(someone.openid, someone); // what was told meanwhile is newer
  return someone;
}

function take(all) {
  setNow(all.now);
  state.followers = new Map(all.followers.map((someone) => [someone.openid, someone]));
  state.calls = all.calls;
  state.faults = all.faults;
  state.sms = all.sms;
}

async function show() {
  showWire();
  showFaults();
  const wished = state.open || location.hash.slice(1) || await owner();
  const first = state.followers.has(wished) ? wished : [...state.followers.keys()][0];
  if (first) await open(first, false);
  else { showFollowers(); showLines(); }
}

composer($("composer"), $("draft"), say);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || byInputMethod(event)) return;
  if (!$("banner").hidden) shutSms();
  else if (document.querySelector("[data-sub][aria-expanded=true]")) unfold(null, true);
  else if (!$("tray").hidden) { tray(false); $("more").focus(); }
});
$("more").addEventListener("click", () => tray($("tray").hidden));
$("tray").addEventListener("click", (event) => {
  const kind = event.target.closest("button")?.dataset.send;
  if (!kind) return;
  const heardAs = $("draft").value.trim();
  const more = { image: { url: new URL("assets/receipt.svg", location).href }, voice: { text: heardAs }, location: { text: t.place } };
  if (kind === "voice") $("draft").value = "";
  act(kind, more[kind]);
  tray(false);
});
for (const button of document.querySelectorAll("[data-ask]")) button.addEventListener("click", () => say(button.dataset.ask));
for (const button of document.querySelectorAll("[data-key]"))
  button.addEventListener("click", () => { unfold(null); act("click", { key: button.dataset.key, text: button.textContent.trim() }); });
for (const button of document.querySelectorAll("[data-sub]"))
  button.addEventListener("click", () => unfold(button.getAttribute("aria-expanded") === "true" ? null : button));
document.addEventListener("click", (event) => { if (!event.target.closest(".menu")) unfold(null); });
$("who")?.addEventListener("change", () => open($("who").value, true));

// One of the menu's buttons shows what is below it, or none does.
function unfold(chosen, back) {
  for (const button of document.querySelectorAll("[data-sub]")) {
    if (back && button.getAttribute("aria-expanded") === "true") button.focus();
    button.setAttribute("aria-expanded", `${button === chosen}`);
    $(button.dataset.sub).hidden = button !== chosen;
  }
}
$("follow").addEventListener("click", () => act("follow"));
$("unfollow").addEventListener("click", () => act("unfollow"));
$("banner-close").addEventListener("click", shutSms);
$("new-follower").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const someone = await newFollower(form.elements.name.value, form.elements.phone.value);
  form.reset();
  await open(someone.openid, true);
});
$("verify").addEventListener("click", async () => {
  const found = await call("POST", "api/verify");
  $("verified").className = `result ${found.ok ? "good" : "bad"}`;
  $("verified").textContent = found.ok ? t.verified : t.not_verified + [t[`outcome_${found.why}`] ?? found.why, found.status].filter(Boolean).join(" · ");
});
$("faults").addEventListener("change", setFaults);
$("revoke").addEventListener("click", async () => {
  await call("POST", "api/tokens/revoke");
  $("revoke").textContent = `${t.fault_revoke} · ${t.revoked}`;
});
const tick = () => { $("time").textContent = hours(now()); showQuota(); showTyping(); };
setInterval(tick, 1000);
tick();
const refresh = listen({
  line: heard,
  follower: (someone) => { state.followers.set(someone.openid, someone); showFollowers(); },
  typing: ({ openid, until }) => {
    const them = state.followers.get(openid);
    if (them) them.typing_until = until;
    showTyping();
  },
  call: (one) => { state.calls = [...state.calls.slice(-199), one]; showWire(); },
  sms: (sms) => { state.sms.push(sms); showSms(); },
  faults: (faults) => { state.faults = faults; showFaults(); },
}, take, show);

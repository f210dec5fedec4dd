// Chat as several followers. The platform keeps the truth; this page asks for it once and then listens.
const $ = (id) => document.getElementById(id);
const t = JSON.parse($("words").textContent);
const locale = document.documentElement.lang;
const state = { followers: new Map(), lines: new Map(), news: [], calls: [], open: "", shown: "", unread: new Map(), skew: 0, faults: {}, sms: [], shut: new Set() };

// Small helpers

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null));
  return element;
}

async function call(method, path, body) {
  const request = { method, headers: { "content-type": "application/json" } };
  if (body !== undefined) request.body = JSON.stringify(body);
  const response = await fetch(path, request);
  if (!response.ok) throw new Error(`${response.status}`);
  return response.status === 204 ? null : response.json();
}

const now = () => Date.now() / 1000 + state.skew;
const hours = (at, seconds) => new Date(at * 1000).toLocaleTimeString(locale,
  { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, hour12: false });
const hue = (openid) => [...openid].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 8;
const face = (name, kind) => make("span", { className: `face face-${kind}`, ariaHidden: "true" }, [...name][0] ?? "?");

// Followers

function showFollowers() {
  $("followers").replaceChildren(...[...state.followers.values()].map(followerRow));
  const someone = state.followers.get(state.open);
  $("asking").hidden = !someone?.following;
  $("stranger").hidden = !someone || someone.following;
  $("unfollow").hidden = !someone?.following;
  $("speaker").textContent = someone?.name ?? "";
  showQuota();
}

function followerRow(someone) {
  const unread = state.unread.get(someone.openid) ?? 0;
  const detail = someone.following ? someone.phone || someone.openid.slice(0, 12) + "…" : t.not_following;
  const row = make("button", { type: "button", onclick: () => open(someone.openid, true) },
    face(someone.name, hue(someone.openid)), make("span", {}, someone.name, make("small", {}, detail)),
    unread ? make("b", {}, `${unread}`, make("span", { className: "hidden" }, ` ${t.unread}`)) : null);
  if (someone.openid === state.open) row.setAttribute("aria-current", "true");
  return make("li", {}, row);
}

async function open(openid, byHand) {
  state.open = openid;
  state.news = [];
  state.unread.delete(openid);
  history.replaceState(null, "", `#${openid}`);
  $("language").hash = openid;
  if (byHand) view("chat");
  showFollowers();
  const found = await call("GET", `/api/followers/${openid}`);
  if (state.open !== openid) return;
  // What was told meanwhile is at least as new as what was found.
  state.lines = new Map([...found.lines, ...state.news].map((line) => [line.id, line]));
  state.shown = openid;
  showLines();
  showSms();
  if (byHand) $("draft").focus();
}

function showQuota() {
  const quota = state.followers.get(state.open)?.quota;
  const usable = quota?.until && quota.until > now();
  const total = Math.max(5, quota?.left ?? 0);
  $("dots").replaceChildren(...Array.from({ length: total },
    (_, at) => make("i", { className: usable && at < quota.left ? "full" : "" })));
  $("quota").textContent = usable ? t.quota_left.replace("{n}", quota.left).replace("{span}", span(quota.until - now())) : t.quota_none;
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
    make("img", { className: "map", alt: "", src: "/assets/map.svg" }), make("span", {}, line.text));
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
    state.news.push(line);
    if (state.shown === state.open) { showLine(line); showSms(); }
  } else if (line.side !== "follower") {
    state.unread.set(line.openid, (state.unread.get(line.openid) ?? 0) + 1);
    showFollowers();
  }
}

function act(kind, more = {}) {
  if (!state.open) return Promise.resolve();
  return call("POST", `/api/followers/${state.open}/messages`, { kind, wait: false, ...more }).catch(() => refresh());
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
  const sms = state.sms.findLast((one) => ["", state.open].includes(one.openid));
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

const warns = new Set(["timeout", "repeated", "dropped", "malformed"]);
const fine = new Set(["replied", "quiet", "ok"]);

function showWire() {
  const rows = state.calls.slice(-60).reverse().map((one) => {
    const name = state.followers.get(one.openid)?.name ?? "";
    const detail = [name, one.number > 1 ? t.attempt.replace("{n}", one.number) : "", one.took >= 1 ? `${Math.round(one.took)}\u00a0ms` : ""];
    const mood = fine.has(one.outcome) ? "" : warns.has(one.outcome) ? "warn" : "bad";
    return make("li", {}, make("time", {}, hours(one.at, true)),
      make("span", {}, `${t[`way_${one.way}`]} ${one.what} `, make("small", {}, detail.filter(Boolean).join(" · "))),
      make("em", { className: mood }, t[`outcome_${one.outcome}`] ?? one.outcome));
  });
  $("wire").replaceChildren(...(rows.length ? rows : [make("li", { className: "none" }, t.wire_none)]));
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
  return call("PUT", "/api/faults", { ...counted, down: form.down.checked, slow: form.slow.checked ? 3 : 0, error, error_times: error ? 1 : 0 });
}

function view(name) {
  document.body.dataset.view = name;
  for (const button of document.querySelectorAll("[data-to]"))
    if (button.dataset.to === name) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
}

// Asking and listening

async function refresh() {
  const all = await call("GET", "/api/state");
  state.skew = all.now - Date.now() / 1000;
  state.followers = new Map(all.followers.map((someone) => [someone.openid, someone]));
  state.calls = all.calls;
  state.faults = all.faults;
  state.sms = all.sms;
  showWire();
  showFaults();
  const wished = state.open || location.hash.slice(1);
  const first = state.followers.has(wished) ? wished : all.followers[0]?.openid;
  if (first) await open(first, false);
  else { showFollowers(); showLines(); }
}

function listen() {
  const live = new EventSource("/api/live");
  const on = (topic, react) => live.addEventListener(topic, (event) => react(JSON.parse(event.data)));
  live.onerror = () => { $("offline").hidden = false; };
  on("line", heard);
  on("follower", (someone) => { state.followers.set(someone.openid, someone); showFollowers(); });
  on("call", (one) => { state.calls = [...state.calls.slice(-199), one]; showWire(); });
  on("sms", (sms) => { state.sms.push(sms); showSms(); });
  on("faults", (faults) => { state.faults = faults; showFaults(); });
  on("hello", () => { $("offline").hidden = true; refresh(); });
  on("missed", refresh);
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  say($("draft").value);
  $("draft").value = "";
  grow();
});
function grow() {
  $("draft").style.height = "auto";
  $("draft").style.height = `${$("draft").scrollHeight + 2}px`;
}
$("draft").addEventListener("input", grow);
$("draft").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (!$("banner").hidden) shutSms();
  else if (!$("tray").hidden) { tray(false); $("more").focus(); }
});
$("more").addEventListener("click", () => tray($("tray").hidden));
$("tray").addEventListener("click", (event) => {
  const kind = event.target.closest("button")?.dataset.send;
  if (!kind) return;
  const heardAs = $("draft").value.trim();
  const more = { image: { url: new URL("/assets/receipt.svg", location).href }, voice: { text: heardAs }, location: { text: t.place } };
  if (kind === "voice") $("draft").value = "";
  act(kind, more[kind]);
  tray(false);
});
for (const button of document.querySelectorAll("[data-ask]")) button.addEventListener("click", () => say(button.dataset.ask));
for (const button of document.querySelectorAll("[data-key]"))
  button.addEventListener("click", () => act("click", { key: button.dataset.key, text: button.textContent.trim() }));
for (const button of document.querySelectorAll("[data-to]")) button.addEventListener("click", () => view(button.dataset.to));
$("follow").addEventListener("click", () => act("follow"));
$("unfollow").addEventListener("click", () => act("unfollow"));
$("banner-close").addEventListener("click", shutSms);
$("new-follower").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const someone = await call("POST", "/api/followers", { name: form.elements.name.value, phone: form.elements.phone.value, follow: true });
  form.reset();
  await open(someone.openid, true);
});
$("verify").addEventListener("click", async () => {
  const found = await call("POST", "/api/verify");
  $("verified").className = `result ${found.ok ? "good" : "bad"}`;
  $("verified").textContent = found.ok ? t.verified : t.not_verified + [t[`outcome_${found.why}`] ?? found.why, found.status].filter(Boolean).join(" · ");
});
$("faults").addEventListener("change", setFaults);
$("revoke").addEventListener("click", async () => {
  await call("POST", "/api/tokens/revoke");
  $("revoke").textContent = `${t.fault_revoke} · ${t.revoked}`;
});
const tick = () => { $("time").textContent = hours(now()); showQuota(); };
setInterval(tick, 1000);
tick();
listen();

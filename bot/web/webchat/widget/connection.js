// The connection to the server: the visitor token, sending messages, and the event stream, each line once and in order.
import { newId, wait } from "./common.js";

const SILENCE = 40; // seconds after which a stream counts as broken; the server sends a ping every 15
const LONGEST_PAUSE = 15; // seconds between two tries
const TRIES = 3;

class Refusal extends Error {
  constructor(status, after) {
    super(`refused ${status}`);
    this.status = status;
    this.after = after;
  }
}

// `on` has the callbacks hello, line, state, up and sent. On our own page the token is an HTTP-only cookie.
export function connect(address, own, kept, language, on) {
  const queue = [];
  let last = -1;
  let listening = null;
  let wanted = false;
  let known = null;
  let sending = false;
  let nudge = () => {};

  async function ask(path, options = {}) {
    const token = own ? "" : kept.get("token");
    const headers = { ...(token && { authorization: `Bearer ${token}` }), ...options.headers };
    const answer = await fetch(address + path, { ...options, headers, credentials: own ? "same-origin" : "omit", cache: "no-store" });
    if (answer.ok) return answer;
    if (answer.status === 403) forget();
    throw new Refusal(answer.status, Number(answer.headers.get("retry-after")) || 0);
  }

  function forget() {
    kept.set("token", "");
    known = null;
    last = -1; // the next visitor has another conversation
  }

  // With a lock across tabs: two new tabs at once must not become two visitors.
  const alone = (work) => (navigator.locks ? navigator.locks.request("yingda-visitor", work) : work());

  function introduce() {
    known ??= alone(async () => {
      const hello = () => ask(`/visitor?language=${language}`, { method: "POST" });
      const answer = await hello().catch((refused) => (refused.status === 403 ? hello() : Promise.reject(refused)));
      const welcome = await answer.json();
      if (welcome.token) kept.set("token", welcome.token);
      kept.set("known", "1");
      on.hello(welcome);
    }).catch((problem) => { known = null; throw problem; });
    return known;
  }

  async function listen() {
    await introduce();
    const headers = last >= 0 ? { "last-event-id": String(last) } : {};
    const answer = await ask("/events", { headers, signal: listening.signal });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const silence = setTimeout(() => reader.cancel(), SILENCE * 1000);
      const { value, done } = await reader.read().finally(() => clearTimeout(silence));
      if (done) return;
      const events = (text + value).split(/\r?\n\r?\n/);
      text = events.pop();
      events.forEach(hear);
    }
  }

  function hear(event) {
    const fields = Object.fromEntries(event.split(/\r?\n/).map((line) => line.split(/: ?(.*)/s, 2)));
    const data = fields.data && JSON.parse(fields.data);
    if (fields.event === "state") {
      last = Math.max(last, 0);
      on.up(true);
      on.state(data);
    } else if (fields.event === "line" && data.seq > last) {
      last = data.seq;
      on.line(data);
    } else if (fields.event === "replaced") wanted = false;
  }

  // Keep a stream open until `stop`, with longer pauses after each failure.
  async function start() {
    wanted = true;
    if (listening) return;
    let pause = 0;
    while (wanted) {
      listening = new AbortController();
      const began = Date.now();
      const after = await listen().then(() => 0, (problem) => problem.after || 0);
      if (!wanted) break;
      on.up(false);
      pause = Date.now() - began > 5000 ? 0.3 : Math.min(LONGEST_PAUSE, Math.max(0.3, pause * 2));
      await Promise.race([wait(Math.max(after, pause * (0.75 + Math.random() / 2))), new Promise((go) => { nudge = go; })]);
    }
    listening = null;
    if (wanted) start();
  }

  function stop() {
    wanted = false;
    listening?.abort();
    nudge();
  }

  function post(item) {
    const body = JSON.stringify({ id: item.id, text: item.text });
    return introduce().then(() => ask("", { method: "POST", headers: { "content-type": "application/json" }, body }));
  }

  // Send a message, up to TRIES times. Every try has the same id, so that the server stores it once.
  async function deliver(item) {
    for (let tried = 1; ; tried += 1) {
      if (!navigator.onLine) await new Promise((go) => { addEventListener("online", go, { once: true }); });
      try {
        await post(item);
        return on.sent(item.id, "");
      } catch (problem) {
        const hopeless = [400, 413, 404].includes(problem.status) || tried >= TRIES;
        if (hopeless) return on.sent(item.id, problem.status === 429 ? "too_many" : "failed");
        await wait(problem.after || tried);
      }
    }
  }

  async function pump() {
    if (sending) return;
    sending = true;
    while (queue.length) await deliver(queue.shift());
    sending = false;
  }

  function speak(text, id = newId()) {
    queue.push({ id, text });
    pump();
    return id;
  }

  // A stream over a lost network would stay silent until SILENCE is over.
  addEventListener("offline", () => listening?.abort());
  addEventListener("online", () => nudge());
  return { start, stop, speak };
}

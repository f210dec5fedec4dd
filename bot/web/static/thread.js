// The transcript with the handoff card above it.
import { channelName, accountName, customerName, day, h, keep, moment, sameDay, say, sayOr, time, troubleWords } from "./common.js";
import { overheardParts, overheardPost } from "./social_post.js";
import { correctionOf, whichEntry } from "./correction.js";

const find = (id) => document.getElementById(id);
const NEAR = 80; // pixels from the end of the thread within which new lines scroll it

export function showCase(sheet, fresh, sendAgain) {
  showHandoff(sheet, fresh);
  const thread = find("thread");
  const following = fresh || thread.scrollHeight - thread.scrollTop - thread.clientHeight < NEAR;
  keep(thread, itemsOf(sheet), (item) => item.id, (item) => itemNode(item, sendAgain));
  if (following) thread.scrollTop = thread.scrollHeight;
}

// --- the handoff card ---

function showHandoff(sheet, fresh) {
  const card = find("handoff");
  const { handoff, line } = sheet;
  if (fresh) card.open = line.state === "waiting" && find("case").clientWidth > 560;
  else if (card.dataset.state === "waiting" && line.state !== "waiting") card.open = false; // it has been read, and takes space
  card.dataset.state = line.state;
  const data = JSON.stringify([handoff, sheet.titles, correctionOf(sheet)]);
  if (card.dataset.shown === data) return;
  card.dataset.shown = data;
  const sought = fresh ? null : card.querySelector(".which input");
  const writing = sought && document.activeElement === sought;
  card.replaceChildren(
    h("summary", {}, h("b", {}, say("handoff.title")), h("span", { class: "why" }, say(`why.${handoff.reason}`)),
      handoff.asked?.text && h("q", { title: handoff.asked.text }, handoff.asked.text)),
    h("div", { class: "parts" }, handoff.reason === "overheard" ? overheardParts(handoff) : botsParts(sheet)));
  const rebuilt = card.querySelector(".which input");
  if (!sought || !rebuilt) return;
  rebuilt.value = sought.value;
  if (writing) rebuilt.focus();
}

function botsParts(sheet) {
  const { handoff, titles } = sheet;
  return [
    h("section", {}, h("h3", {}, say("handoff.understood")), guesses(handoff.candidates, titles)),
    h("section", {}, h("h3", {}, say("handoff.answered")), answered(handoff.answered)),
    handoff.asked?.text && whichEntry(sheet),
  ];
}

function guesses(candidates, titles) {
  if (!candidates.length) return h("p", {}, say("handoff.understood.none"));
  return candidates.map(({ intent, confidence }) => {
    const percent = `${Math.round(confidence * 100)}%`;
    const title = titles[intent] ?? intent;
    return h("div", { class: "guess" },
      h("span", { class: "intent", title: intent }, title),
      h("span", { class: "meter", role: "meter", "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": confidence, "aria-label": title, "--share": confidence }),
      h("span", { class: "number" }, percent));
  });
}

function answered(lines) {
  if (!lines.length) return h("p", {}, say("handoff.answered.none"));
  return lines.slice(-2).map((line) => h("blockquote", { title: line.text }, line.text));
}

// --- the lines ---

function itemsOf(sheet) {
  const threads = Object.fromEntries(sheet.threads.map((one) => [one.id, one]));
  const several = sheet.threads.length > 1;
  const traces = Object.fromEntries(sheet.traces.map((turn) => [turn.message_id, turn.trace]));
  const lines = sheet.said.map((line) => ({
    ...line,
    what: "said",
    place: several ? placeOf(threads[line.conversation_id]) : "",
    post: postOf(line, threads[line.conversation_id]),
    elsewhere: several && !threads[line.conversation_id].joined,
    name: line.author === "customer" ? customerName(sheet.line) : sheet.names[line.by] ?? "",
    title: sayOr(`entry.${line.entry}`, sheet.titles[line.entry] ?? line.entry),
    pieces: sheet.outgoing.filter((piece) => piece.message_id === line.id),
    trouble: line.error && troubleWords(line.error, sheet.troubles[line.error]),
    trace: traces[line.id],
    titles: traces[line.id] ? sheet.titles : undefined,
  }));
  return withDays(inTime(lines, stepsOf(sheet)));
}

function stepsOf(sheet) {
  return sheet.events.map((event, index) => ({
    id: `step-${index}-${event.at}`,
    what: "step",
    at: event.at,
    words: stepWords(event, sheet.names),
  })).filter((step, index, all) => index === 0 || step.words !== all[index - 1].words || step.at !== all[index - 1].at);
}

function stepWords(event, names) {
  const clockDid = event.type === "released" && !names[event.actor];
  const who = names[event.actor] ?? names[event.data.agent] ?? say("who.somebody");
  return say(clockDid ? "step.timed_out" : `step.${event.type}`, { who });
}

/** Lines keep the order in which they came; a step stands before the first line that is younger. */
function inTime(lines, steps) {
  const items = [];
  let next = 0;
  for (const line of lines) {
    while (next < steps.length && steps[next].at < line.at) items.push(steps[next++]);
    items.push(line);
  }
  return [...items, ...steps.slice(next)];
}

function withDays(items) {
  let last = null;
  return items.flatMap((item) => {
    const begins = last === null || (item.at > last && !sameDay(item.at, last));
    last = Math.max(item.at, last ?? 0);
    return begins ? [{ id: `day-${item.id}`, what: "day", at: item.at, words: day(item.at) }, item] : [item];
  });
}

const placeOf = (thread) => `${channelName(thread.channel)} · ${accountName(thread.account)}${thread.public ? ` · ${say("list.public")}` : ""}`;

function itemNode(item, sendAgain) {
  if (item.what === "day") return h("div", { class: "day" }, item.words);
  if (item.what === "step") return h("div", { class: "step" }, item.words, " ", h("time", {}, moment(item.at)));
  const note = item.kind === "note";
  return h("div", { class: `said ${note ? "note" : item.author} ${item.elsewhere ? "elsewhere" : ""}` },
    h("p", { class: "by" }, h("b", {}, authorOf(item, note)), item.place && !note && h("span", {}, item.place), h("time", {}, time(item.at))),
    h("div", { class: "text" }, contentOf(item)),
    item.author === "customer" || note ? traceOf(item) : under(item, sendAgain));
}

function authorOf(item, note) {
  if (note) return `${say("thread.note")} · ${item.name || say("author.agent")}`;
  return item.name || say(`author.${item.author}`);
}

function contentOf(item) {
  if (item.kind === "overheard") return overheardPost(item);
  if (item.data?.deleted) return h("i", {}, say("thread.deleted"));
  const spoken = item.kind === "text" || item.kind === "note";
  const erased = spoken && !item.text && !item.media;
  return [
    spoken && item.text,
    erased && h("i", {}, say("thread.erased")),
    (item.media || !spoken) && mediaOf(item, spoken),
    item.data?.edited && h("small", { class: "edited" }, say("thread.edited")),
    item.post && h("a", { class: "post", href: item.post, target: "_blank", rel: "noopener noreferrer" }, say("overheard.open")),
  ];
}

/** What is known of an attachment or of a message that is not text: kind, title, description and location. */
function mediaOf(item, attached) {
  const { title, description, reference, format } = item.media ?? {};
  const kind = attached ? (format === "video" ? "video" : "image") : item.kind;
  const address = /^https?:\/\//.test(reference ?? "");
  const where = item.kind === "location" || address ? reference : reference && `${say("kind.reference")} ${reference}`;
  const facts = item.data ?? {};
  return h("div", { class: "media" },
    h("b", {}, [sayOr(`kind.${kind}`, kind), title].filter(Boolean).join(" · ")),
    h("small", {}, [!attached && item.text, description, format, where, facts.event, facts.key !== item.text && facts.key, !item.media && facts.type].filter(Boolean).join(" · ")));
}

const postOf = (line, thread) => thread?.channel === "twitter" && thread.public && !thread.overheard && line.author === "customer" && line.data?.id
  ? `https://x.com/${line.data.username ?? "i"}/status/${line.data.id}` : "";

function traceOf({ trace, titles }) {
  if (!trace) return null;
  return h("details", { class: "trace" },
    h("summary", {}, `${say("thread.trace")} · ${sayOr(`decision.${trace.decision}`, trace.decision)}`),
    guesses(trace.candidates.slice(0, 3), titles));
}

function under(item, sendAgain) {
  const sure = item.confidence == null ? "" : ` · ${Math.round(item.confidence * 100)}%`;
  const again = item.pieces.filter((piece) => piece.state === "in_doubt" || piece.state === "failed");
  return h("div", { class: "under" },
    item.entry && h("span", { title: item.entry }, say("thread.entry", { entry: item.title }) + sure),
    item.delivery && h("span", { class: `delivery ${item.delivery}`, title: item.error }, sayOr(`delivery.${item.delivery}`, item.delivery)),
    item.trouble && h("span", { class: "trouble" }, item.trouble),
    again.map((piece) => h("button", { type: "button", onclick: () => sendAgain(piece) }, say("delivery.again"))));
}

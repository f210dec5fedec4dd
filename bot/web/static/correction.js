// The correction on the handoff card: an agent names the entry that answers the message; editions are evaluated by it.
import { call, h, say, toast } from "./common.js";

/** The last correction of the message that led to the case; undefined for none. */
export const correctionOf = ({ events, handoff }) => events.findLast((event) => event.type === "corrected" && event.data.message === handoff.asked?.id);

export function whichEntry(sheet) {
  const said = correctionOf(sheet);
  const place = h("section", { class: "which", "aria-labelledby": "which" });
  const title = h("h3", { id: "which" }, say("which.title"));
  const ask = () => { place.replaceChildren(title, form(sheet)); place.querySelector("button").focus(); };
  place.append(title, said ? noted(said, sheet, ask) : form(sheet));
  return place;
}

function noted({ entry, actor }, { titles, names }, ask) {
  const answer = entry ? titles[entry] ?? entry : say("which.none");
  return h("p", {}, h("span", {}, `✓ ${say("which.was", { who: names[actor] ?? say("who.somebody"), entry: answer })}`),
    h("button", { type: "button", class: "quiet", onclick: ask }, say("which.change")));
}

function form({ handoff, titles, line }) {
  const note = (entry) => correct(line.id, handoff.asked.id, entry);
  const choices = handoff.candidates.map(({ intent }) => h("button", { type: "button", title: intent, onclick: () => note(intent) }, titles[intent] ?? intent));
  const known = h("datalist", { id: "which-entries" });
  const sought = h("input", { list: "which-entries", autocomplete: "off", placeholder: say("which.other"), "aria-label": say("which.other") });
  let filled;
  const filling = () => (filled ??= fill(known));
  sought.addEventListener("focus", filling);
  const submit = async (event) => { event.preventDefault(); await filling(); chosen(known, sought.value.trim(), note); };
  return h("form", { class: "choices", onsubmit: submit }, choices,
    h("button", { type: "button", onclick: () => note("") }, say("which.none")), sought, known, h("button", { class: "quiet" }, say("which.save")));
}

async function fill(known) {
  const entries = await call("GET", "entries").catch((refusal) => { toast(refusal.message); return {}; });
  const twice = (title) => Object.values(entries).filter((one) => one === title).length > 1;
  known.append(...Object.entries(entries).map(([id, title]) => h("option", { value: twice(title) ? `${title} (${id})` : title, "data-entry": id })));
}

function chosen(known, text, note) {
  const option = [...known.options].find((one) => [one.value, one.dataset.entry].some((name) => name.toLowerCase() === text.toLowerCase()));
  if (option) note(option.dataset.entry);
  else if (text) toast(say("which.unknown"));
}

/** Save the correction; the page then reads the case again. */
async function correct(id, message, entry) {
  try { await call("POST", `cases/${id}/correct`, { message, entry }); } catch (refusal) { toast(refusal.message); }
  document.getElementById("compose").dispatchEvent(new Event("written"));
}

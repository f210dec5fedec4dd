// Messages that may not have arrived and are in nobody's case: a person says what becomes of each.
import { call, channelName, customerName, face, h, moment, say, toast, troubleWords } from "./ground.js";

/** The strip above the list; gone when there is nothing to decide and nobody looks at it. */
export function showStraysStrip(strays, looking) {
  const strip = document.getElementById("strays");
  strip.hidden = strays.length === 0 && !looking;
  strip.textContent = strip.hidden ? "" : say("list.strays", { count: strays.length });
}

export function strayOf(stray, decided) {
  const name = customerName(stray);
  const act = (what, kind) => h("button", { type: "button", class: kind, onclick: () => decide(stray, what, decided) }, say(`stray.${what}`));
  return h("li", { class: "stray" },
    face(name, stray.customer.id),
    h("p", { class: "top" }, h("span", { class: "name" }, name), h("time", { class: "wait" }, moment(stray.at))),
    h("p", { class: "text" }, h("b", {}, `${say(`author.${stray.author}`)}: `), stray.text || h("i", {}, say("thread.erased"))),
    h("p", { class: "tags" },
      h("span", { class: `tag ${stray.state === "failed" ? "hot" : "warm"}`, title: stray.error }, say(`delivery.${stray.state}`)),
      h("span", { class: "tag" }, channelName(stray.channel), stray.public && ` · ${say("list.public")}`)),
    stray.error && h("p", { class: "trouble" }, troubleWords(stray.error, stray.trouble)),
    h("p", { class: "decide" }, act("again", ""), act("leave", "quiet")));
}

async function decide(stray, what, decided) {
  if (what === "again" && stray.state === "in_doubt" && !confirm(say("delivery.again.ask"))) return;
  try {
    await call("POST", `undelivered/${stray.id}/${what === "again" ? "send-again" : "leave"}`);
    toast(say(`stray.done.${what}`));
  } catch (refusal) {
    toast(refusal.message);
  }
  await decided();
}

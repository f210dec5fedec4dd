// Undelivered messages outside any open case: an agent decides whether each is sent again.
import { call, channelName, customerName, face, h, moment, say, toast, troubleWords } from "./common.js";

/** The strip above the list; hidden if there is nothing to decide and the tab is not open. */
export function showUndeliveredStrip(messages, looking) {
  const strip = document.getElementById("undelivered");
  strip.hidden = messages.length === 0 && !looking;
  strip.textContent = strip.hidden ? "" : say("list.undelivered", { count: messages.length });
}

export function undeliveredOf(message, decided) {
  const name = customerName(message);
  const act = (what, kind) => h("button", { type: "button", class: kind, onclick: () => decide(message, what, decided) }, say(`undelivered.${what}`));
  return h("li", { class: "undelivered" },
    face(name, message.customer.id),
    h("p", { class: "top" }, h("span", { class: "name" }, name), h("time", { class: "wait" }, moment(message.at))),
    h("p", { class: "text" }, h("b", {}, `${say(`author.${message.author}`)}: `), message.text || h("i", {}, say("thread.erased"))),
    h("p", { class: "tags" },
      h("span", { class: `tag ${message.state === "failed" ? "hot" : "warm"}`, title: message.error }, say(`delivery.${message.state}`)),
      h("span", { class: "tag" }, channelName(message.channel), message.public && ` · ${say("list.public")}`)),
    message.error && h("p", { class: "trouble" }, troubleWords(message.error, message.trouble)),
    h("p", { class: "decide" }, act("again", ""), act("leave", "quiet")));
}

async function decide(message, what, decided) {
  if (what === "again" && message.state === "in_doubt" && !confirm(say("delivery.again.ask"))) return;
  try {
    await call("POST", `undelivered/${message.id}/${what === "again" ? "send-again" : "leave"}`);
    toast(say(`undelivered.done.${what}`));
  } catch (refusal) {
    toast(refusal.message);
  }
  await decided();
}

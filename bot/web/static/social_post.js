// A public post about the brand that is not addressed to it: author, followers, sentiment and link.
import { h, say, sayOr, setting } from "./common.js";

/** The post in the thread. */
export function overheardPost({ text, data, media }) {
  const who = [data.name, data.username && `@${data.username}`].filter(Boolean).join(" ");
  const reach = data.followers && say("overheard.reach", { count: Number(data.followers).toLocaleString(setting.language) });
  return h("div", { class: "overheard" },
    h("p", { class: "author" }, [who, reach].filter(Boolean).join(" · ")),
    h("p", {}, text || h("i", {}, say("thread.erased"))),
    media && h("p", { class: "author" }, say("kind.image")),
    data.link?.startsWith("https://") && h("p", {}, h("a", { href: data.link, target: "_blank", rel: "noopener noreferrer" }, say("overheard.open"))));
}

/** The part of the handoff card that replaces the bot's guesses. */
export function overheardParts({ detail }) {
  const tone = detail === "unhappy" ? "hot" : detail === "happy" ? "good" : "";
  const told = h("span", { class: `tag ${tone}` }, sayOr(`feeling.${detail}`, say("feeling.unknown")));
  return h("section", {}, h("h3", {}, say("overheard.feeling")), h("p", {}, told));
}

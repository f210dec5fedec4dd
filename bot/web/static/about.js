// The panel about the customer: the verified member, points, and their conversations.
import { accountName, channelName, customerName, date, face, h, moment, say, setting } from "./common.js";

export function showAbout(sheet) {
  document.getElementById("about").replaceChildren(...[close(), person(sheet), member(sheet), facts(sheet), threads(sheet)].filter(Boolean));
}

function close() {
  const shut = () => { document.getElementById("desk").dataset.about = ""; };
  return h("button", { type: "button", class: "quiet narrow-only info-button close", onclick: shut, "aria-label": say("keys.close") }, "×");
}

function person({ line, member: known }) {
  const name = known?.name || customerName(line);
  return h("section", {},
    h("h3", {}, say("customer.title")),
    h("div", { class: "person" }, face(name, line.customer.id), h("div", {},
      h("p", {}, name),
      known && h("p", {}, h("span", { class: "tag good" }, `✓ ${say("member.verified")}`)))));
}

function member({ member: known }) {
  if (!known) return h("section", {}, h("h3", {}, say("member.title")), h("p", { class: "aside" }, say("member.unverified")));
  const amount = known.points == null
    ? h("p", { class: "aside" }, say("member.unavailable"))
    : h("p", { class: "points" }, known.points.toLocaleString(setting.language), " ", h("small", {}, say("member.points")));
  const lapse = known.expiring > 0 && known.expiring_at
    && h("p", { class: "aside" }, say("member.expiring", { points: known.expiring.toLocaleString(setting.language), time: date(known.expiring_at) }));
  return h("section", {}, h("h3", {}, say("member.title")), amount, lapse,
    h("dl", {},
      known.tier && [h("dt", {}, say("member.tier")), h("dd", {}, known.tier)],
      [h("dt", {}, say("member.number")), h("dd", {}, known.number)]));
}

function facts({ line, threads: all }) {
  const heard = Math.max(...all.map((one) => one.heard_at));
  return h("section", {}, h("h3", {}, say("customer.here")), h("dl", {},
    h("dt", {}, say("customer.opened")), h("dd", {}, moment(line.opened_at)),
    heard > 0 && [h("dt", {}, say("customer.heard")), h("dd", {}, moment(heard))]));
}

function threads({ threads: all }) {
  return h("section", {}, h("h3", {}, say("customer.threads")), h("ul", {}, all.map((one) => h("li", {},
    h("span", { class: "tag" }, channelName(one.channel)),
    h("span", { class: "where", title: accountName(one.account) }, accountName(one.account)),
    one.public && h("span", { class: "tag" }, say("list.public")),
    h("span", { class: `tag ${one.joined ? "good" : ""}` }, say(one.joined ? "customer.here" : "customer.elsewhere"))))));
}

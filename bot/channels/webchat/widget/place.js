// Where the chat stands: once in a window's life, whatever the site does with the body. Turbo, Swup and htmx put another
// body in its place, or other content into it, and run this script again where it stands in what they bring.

const NAME = "yingda-chat";
const PLACES = Symbol.for("yingda-chat"); // by account; kept by the window, which outlives bodies and scripts
const RETURNS = 20; // a site that takes the chat out so often within a second is not argued with

class Chat extends HTMLElement {
  // A copy from a site's cache of pages has nothing in it and nobody behind it.
  connectedCallback() {
    if (!this.place) this.remove();
  }

  disconnectedCallback() {
    if (this.place) queueMicrotask(this.place.stand);
  }
}

// `start` makes an account's chat: its host, `end` to scroll to, and `rest` to stop and go on listening. One that is there
// already comes back to where it can be seen, and stands alone: a site may have one account here and another there.
export function standing(account, start) {
  const places = (window[PLACES] ??= new Map());
  if (!customElements.get(NAME)) customElements.define(NAME, Chat);
  const begin = () => {
    if (!places.has(account)) places.set(account, placeOf(start()));
    for (const [name, place] of places) if (name !== account) place.leave();
    places.get(account).come();
  };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", begin);
  else begin();
}

function placeOf({ host, end, rest }) {
  let away = true;
  let times = [];
  let left = null; // what has just lost the focus: to nobody, if the body went with it
  host.shadowRoot.addEventListener("focusout", (event) => {
    left = event.target;
    setTimeout(() => { left = null; });
  });

  function stand() {
    if (away || host.isConnected) return;
    times = [...times.filter((at) => performance.now() - at < 1000), performance.now()];
    if (times.length > RETURNS) leave();
    else if (document.body) {
      document.body.append(host);
      end(); // what is moved forgets how far it was scrolled
      if (document.activeElement === document.body) left?.focus();
    } else setTimeout(stand, 50); // between two bodies
  }

  function come() {
    if (away) rest(away = false);
    stand();
  }

  function leave() {
    if (!away) rest(away = true);
    host.remove();
  }

  host.place = { stand, come, leave };
  return host.place;
}

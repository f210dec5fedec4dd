// Keeps the chat's element in the page, once per window. Turbo, Swup and htmx replace the body or its content, and run
// this script again if the new content contains it.

const NAME = "yingda-chat";
const PLACES = Symbol.for("yingda-chat"); // by account; in the window, which survives new bodies and further runs of the script
const RETURNS = 20; // removals within a second after which the chat stays out

class Chat extends HTMLElement {
  // A copy from a site's page cache has no content and no script: remove it.
  connectedCallback() {
    if (!this.place) this.remove();
  }

  disconnectedCallback() {
    if (this.place) queueMicrotask(this.place.attach);
  }
}

// Show the chat of an account. `start` creates it: its host element, `end` scrolls to the newest line, `rest` stops and
// resumes listening. An existing one is shown again. Other accounts' chats are hidden: pages may have different accounts.
export function mountChat(account, start) {
  const places = (window[PLACES] ??= new Map());
  if (!customElements.get(NAME)) customElements.define(NAME, Chat);
  const begin = () => {
    if (!places.has(account)) places.set(account, placeOf(start()));
    for (const [name, place] of places) if (name !== account) place.hide();
    places.get(account).show();
  };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", begin);
  else begin();
}

function placeOf({ host, end, rest }) {
  let away = true;
  let times = [];
  let left = null; // the element that has just lost the focus, perhaps because the body was replaced
  host.shadowRoot.addEventListener("focusout", (event) => {
    left = event.target;
    setTimeout(() => { left = null; });
  });

  function attach() {
    if (away || host.isConnected) return;
    times = [...times.filter((at) => performance.now() - at < 1000), performance.now()];
    if (times.length > RETURNS) hide();
    else if (document.body) {
      document.body.append(host);
      end(); // a moved element loses its scroll position
      if (document.activeElement === document.body) left?.focus();
    } else setTimeout(attach, 50); // between two bodies
  }

  function show() {
    if (away) rest(away = false);
    attach();
  }

  function hide() {
    if (!away) rest(away = true);
    host.remove();
  }

  host.place = { attach, show, hide };
  return host.place;
}

"""The events that browsers send for an input method: a composition, and the key that confirms or drops it."""

from __future__ import annotations

from playwright.sync_api import Locator

# What a browser sends for the key that ends a composition, each as its own name for it has it.
BROWSERS = ("Chrome", "Firefox", "Safari", "Safari, as an ordinary key")

_COMPOSE = """(box, [browser, key, text]) => {
  const plain = { Enter: 13, Escape: 27 }[key];
  const composition = (type) => box.dispatchEvent(
    new CompositionEvent(type, { data: text, bubbles: true, composed: true }));
  const press = (type, keyCode, isComposing) => box.dispatchEvent(
    new KeyboardEvent(type, { key, code: key, keyCode, isComposing, bubbles: true, composed: true, cancelable: true }));
  const write = (isComposing) => {
    box.value = text;
    box.dispatchEvent(new InputEvent("input", { data: text, isComposing, bubbles: true, composed: true }));
  };
  composition("compositionstart");
  write(true);
  if (browser.startsWith("Safari")) {
    composition("compositionend");
    press("keydown", browser === "Safari" ? 229 : plain, false);
  } else {
    press("keydown", 229, true);
    composition("compositionend");
  }
  press("keyup", plain, false);
}"""


def ends_a_composition(box: Locator, browser: str, key: str, text: str) -> None:
    """Write `text` with an input method and end it with `key`, as `browser` tells a page of it."""
    box.focus()
    box.evaluate(_COMPOSE, [browser, key, text])

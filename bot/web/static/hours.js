// Whether the desk is open, and the text that customers get while it is closed.
import { h, say } from "./common.js";

export function showHours({ open, until, says }) {
  const key = open ? (until ? "hours.open" : "hours.always") : until ? "hours.closed" : "hours.never";
  const words = say(key, { until });
  const [shown, closed] = [document.getElementById("hours"), document.getElementById("closed")];
  shown.textContent = words;
  shown.classList.toggle("shut", !open);
  const told = open ? "" : `${words} ${says}`;
  if (closed.dataset.shown === told) return;
  closed.dataset.shown = told;
  closed.hidden = open;
  closed.replaceChildren(...(open ? [] : [h("b", {}, words), ...(says ? [` ${say("hours.says")} `, h("q", {}, says)] : [])]));
}

/** Why accounts send nothing now. Unchanged text is not rendered again, so that screen readers do not repeat it. */
export function showHalted(sentences) {
  const shown = document.getElementById("halted");
  const told = sentences.join("\n");
  if (shown.dataset.shown === told) return;
  shown.dataset.shown = told;
  shown.hidden = !told;
  shown.replaceChildren(...sentences.map((sentence) => h("b", {}, sentence)));
}

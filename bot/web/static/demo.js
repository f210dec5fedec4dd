// On a small screen one frame is shown at a time, chosen by buttons; on a large one all of them.
const stage = document.querySelector(".stage");
const buttons = [...document.querySelectorAll("[data-to]")];

for (const button of buttons) {
  button.addEventListener("click", () => {
    stage.dataset.view = button.dataset.to;
    for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
  });
}

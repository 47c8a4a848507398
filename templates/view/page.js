// Details on hover and focus, search, filter by kind, light and dark, print. Text from the picture is only ever put in
// as text, never as markup.
"use strict";
(function () {
  const byId = (id) => document.getElementById(id);
  const picture = document.querySelector("main > svg");
  const details = byId("details");
  const items = Array.from(picture.querySelectorAll(".item"));
  const told = new Map();

  // The titles become the panel's text, so that the browser does not show them a second time.
  for (const item of items) {
    const title = item.querySelector(":scope > title");
    const text = title.textContent;
    told.set(item, text);
    if (!item.hasAttribute("aria-label")) item.setAttribute("aria-label", text.split("\n", 1)[0]);
    title.remove();
  }

  // One stop for the Tab key; the arrow keys go on from there.
  if (items.length) items[0].setAttribute("tabindex", "0");

  function add(parent, name, text) {
    const element = document.createElement(name);
    element.textContent = text;
    parent.append(element);
    return element;
  }

  let chosen = null;
  function show(item) {
    if (chosen === item) return;
    if (chosen) chosen.classList.remove("chosen");
    chosen = item;
    details.hidden = !item;
    if (!item) return;
    item.classList.add("chosen");
    const lines = told.get(item).split("\n");
    details.replaceChildren();
    add(details, "h2", lines[0]);
    const list = add(details, "dl", "");
    for (const line of lines.slice(1)) {
      const at = line.indexOf(": ");
      add(list, "dt", line.slice(0, at));
      add(list, "dd", line.slice(at + 2));
    }
  }

  const itemAt = (target) => (target instanceof Element ? target.closest(".item") : null);
  picture.addEventListener("mouseover", (event) => show(itemAt(event.target)));
  picture.addEventListener("mouseleave", () => show(null));
  picture.addEventListener("focusin", (event) => show(itemAt(event.target)));
  picture.addEventListener("focusout", () => show(null));
  picture.addEventListener("click", (event) => show(itemAt(event.target)));

  picture.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const from = itemAt(event.target);
    if (event.key === "Escape") show(null);
    if (!from || !(event.key in steps)) return;
    event.preventDefault();
    const shown = items.filter((item) => !item.closest(".off"));
    const next = shown[shown.indexOf(from) + steps[event.key]];
    if (!next) return;
    from.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  const search = byId("search");
  function find() {
    const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    picture.classList.toggle("searching", words.length > 0);
    let hits = 0;
    for (const item of items) {
      const text = told.get(item).toLowerCase();
      const hit = words.length > 0 && words.every((word) => text.includes(word));
      item.classList.toggle("hit", hit);
      if (hit) hits += 1;
    }
    byId("found").textContent = words.length ? hits + " found" : "";
  }
  search.addEventListener("input", find);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && event.target !== search) {
      event.preventDefault();
      search.focus();
    }
  });

  for (const button of document.querySelectorAll(".filter")) {
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      for (const item of items) {
        if (item.classList.contains(button.dataset.kind)) item.classList.toggle("off", !on);
      }
      for (const wire of picture.querySelectorAll(".wire")) {
        const ends = [wire.dataset.from, wire.dataset.to];
        const hidden = ends.some((kind) => document.querySelector(`.filter[data-kind="${kind}"][aria-pressed="false"]`));
        wire.classList.toggle("off", hidden);
      }
    });
  }

  // Light or dark: the system's choice until the button is used. `#dark` or `#light` at the address's end does the same.
  const dark = byId("dark");
  const system = matchMedia("(prefers-color-scheme: dark)");
  let own = { "#dark": true, "#light": false }[location.hash];
  function paint() {
    const on = own === undefined ? system.matches : own;
    dark.media = own === undefined ? "screen and (prefers-color-scheme: dark)" : own ? "screen" : "not all";
    byId("theme").textContent = on ? "Light" : "Dark";
  }
  byId("theme").addEventListener("click", () => {
    own = !(own === undefined ? system.matches : own);
    paint();
  });
  system.addEventListener("change", paint);
  paint();

  byId("print").addEventListener("click", () => print());
})();

// A list of stories: filtered by source and topic, and walked through with the keyboard. Without it all is shown.
"use strict";

const main = document.getElementById("main"), filter = document.getElementById("filter");
const selects = filter ? [...filter.querySelectorAll("select")] : [];
const MAX_CHOICES = 100;

// ── filter ──

// Name of a parameter of the address → the texts of a story that it selects by.
const FACTS = {
  source: (story) => [...story.querySelectorAll(".source, .also a")].map((name) => name.textContent.trim()),
  tag: (story) => story.dataset.tags?.split("\n") ?? [],
};
const fold = (text) => text.toLowerCase();
const allStories = () => [...main.querySelectorAll("article.story")];
const shownStories = () => allStories().filter((story) => !story.hidden);
const isFiltered = () => selects.some((select) => select.value);

function isMatch(story) {
  return selects.every(({ name, value }) => !value || FACTS[name](story).some((text) => fold(text) === value));
}

// Hide what does not match: also called when stories came to the page, or went.
function applyFilter() {
  for (const story of allStories()) story.hidden = !isMatch(story);
  for (const day of main.querySelectorAll(".day")) day.hidden = !day.querySelector("article.story:not([hidden])");
  if (!filter) return;
  const total = allStories().length, count = shownStories().length;
  const [counted, of] = [count, total].map((number) => number.toLocaleString(LANGUAGE));
  filter.querySelector(".count").textContent =
    isFiltered() ? main.dataset.matching.replace("{count}", counted).replace("{total}", of) : "";
  document.getElementById("none").hidden = count > 0 || !isFiltered();
}

// Offer what the stories on the page have, with their numbers; the choice stays, whether or not a story has it.
function offerChoices() {
  for (const select of selects) {
    if (select === document.activeElement) continue;  // its list may be open
    const choices = new Map(), chosen = select.value;
    for (const story of allStories()) {
      for (const text of new Set(FACTS[select.name](story))) {
        const choice = choices.get(fold(text)) ?? { text, count: 0 };
        choice.count += 1;
        choices.set(fold(text), choice);
      }
    }
    if (chosen && !choices.has(chosen)) choices.set(chosen, { text: chosen, count: 0 });
    const frequent = [...choices].sort(([, a], [, b]) => b.count - a.count).slice(0, MAX_CHOICES);
    const options = frequent.sort(([, a], [, b]) => a.text.localeCompare(b.text, LANGUAGE)).map(([value, { text, count }]) =>
      new Option(`${text} (${count.toLocaleString(LANGUAGE)})`, value, false, value === chosen));
    select.replaceChildren(select.options[0], ...options);
    select.hidden = options.length < 2 && !chosen;
  }
  if (filter) filter.hidden = selects.every((select) => select.hidden);
}

function readAddress() {
  const query = new URLSearchParams(location.search);
  for (const select of selects) {
    const value = fold(query.get(select.name) ?? "");
    if (value && ![...select.options].some((option) => option.value === value)) select.add(new Option(value, value));
    select.value = value;
  }
}

function writeAddress() {
  const address = new URL(location.href);
  for (const { name, value } of selects) value ? address.searchParams.set(name, value) : address.searchParams.delete(name);
  history.replaceState(null, "", address);
}

function updateFilter() {
  offerChoices();
  applyFilter();
}

if (filter) {
  readAddress();
  updateFilter();
  filter.addEventListener("change", () => {
    dispatchEvent(new Event("filter"));
    writeAddress();
    updateFilter();
  });
  document.querySelector("#none button").addEventListener("click", () => {
    for (const select of selects) select.value = "";
    filter.dispatchEvent(new Event("change"));
    selects.find((select) => !select.hidden)?.focus();
  });
}

// ── keyboard ──

const dialog = document.getElementById("keys"), help = document.getElementById("help");
const isUsingKeys = dialog?.querySelector("input");

// Move to the next or the previous story; without a current one, to the first or the last before the middle of the window.
function move(step) {
  const all = shownStories(), current = all.findIndex((story) => story.contains(document.activeElement));
  const below = all.findIndex((story) => story.getBoundingClientRect().top >= 0);
  const start = current >= 0 ? current + step : below < 0 ? all.length - 1 : step > 0 ? below : below - 1;
  const story = all[Math.max(0, Math.min(start, all.length - 1))];
  story?.querySelector("h3 a").focus({ preventScroll: true });
  story?.scrollIntoView({ block: "center" });
}

function focusSearch() {
  const input = document.querySelector("form.search:not([hidden]) input");
  input?.select();
  return input;
}

// Key → what it does; what returns nothing leaves the key to the browser.
const KEYS = {
  j: () => { move(1); return true; },
  k: () => { move(-1); return true; },
  o: () => document.activeElement.closest("article.story")?.querySelector("h3 a").click(),
  "/": focusSearch,
  "?": () => { dialog.showModal(); return true; },
};

// WCAG 2.1.4: keys without a modifier can be turned off, as people who dictate type them by accident.
function storeKeys(value) {
  try {
    if (value === undefined) return localStorage.getItem("keys") !== "off";
    localStorage.setItem("keys", value ? "on" : "off");
  } catch { /* the browser keeps nothing for this page */ }
  return true;
}

function pressKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.defaultPrevented) return;
  if (dialog.open || event.target.closest("input, textarea, select, [contenteditable]")) return;
  if (!isUsingKeys.checked || !Object.hasOwn(KEYS, event.key)) return;
  if (KEYS[event.key]()) event.preventDefault();
}

if (dialog && help) {  // a theme may leave them out
  isUsingKeys.checked = storeKeys();
  isUsingKeys.addEventListener("change", () => storeKeys(isUsingKeys.checked));
  help.hidden = false;
  help.addEventListener("click", () => dialog.showModal());
  dialog.querySelector("button").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });  // beside it
  document.addEventListener("keydown", pressKey);
}

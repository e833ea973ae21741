// Nothing needs this script: it makes times relative, the address of a feed one tap away, shows the search, and the
// initial of a source whose icon does not load.
"use strict";

const LANGUAGE = document.documentElement.lang;
const UNITS = [["minute", 60], ["hour", 3600]];
const DAY = 86400;

function describe(seconds) {
  const [unit, length] = UNITS.findLast(([, length]) => seconds >= length) ?? UNITS[0];
  const format = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto", style: "short" });
  return format.format(-Math.floor(seconds / length), unit);
}

// `12 min. ago` for what is younger than a day; the exact time stays in the title. Dates without a time stay as they are.
function showAges() {
  for (const time of document.querySelectorAll(".meta time[datetime*=T]")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    time.dataset.clock ??= time.textContent;
    time.textContent = seconds >= 0 && seconds < DAY ? describe(seconds) : time.dataset.clock;
  }
}

// Our own server says in a header of the page what it can do beside serving files; a static host says nothing.
function serverOffers(name) {
  const [visit] = performance.getEntriesByType("navigation");
  return visit?.serverTiming.some((entry) => entry.name === name) ?? false;
}

function offerCopy(button) {
  const input = button.closest("section").querySelector("input"), label = button.textContent;
  button.hidden = false;
  input.addEventListener("focus", () => input.select());
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(input.value);
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

function dropIcon(image) {
  if (image.matches?.(".tile img")) image.remove();
}

document.addEventListener("error", (event) => dropIcon(event.target), true);
for (const image of document.images) if (image.complete && !image.naturalWidth) dropIcon(image);
showAges();
setInterval(showAges, 60000);
if (serverOffers("search")) for (const form of document.querySelectorAll("form.search")) form.hidden = false;
if (navigator.clipboard) document.querySelectorAll("button[data-copied]").forEach(offerCopy);

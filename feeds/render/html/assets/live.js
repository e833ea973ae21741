// New stories appear on the page as they are published. An event of the server only says that there is something new: the
// page itself, which is published before the event, says what. A static host has no events, and all stays as it is.
"use strict";

const words = main?.dataset ?? {};
const status = document.getElementById("live"), pill = document.getElementById("new");
const NEAR_TOP = 200;  // pixels; whoever has scrolled further is reading
const PAUSES = [0, 500, 1500, 4000];  // milliseconds until the page holds what an event told of: others are issued first
const MAX_WAIT = 60;  // seconds between attempts to connect
let events, wait = 2, waiting = [], leads = [], loading = null, isStale = false, loaded = "";

// ── what is on the page ──

const stories = (root) => new Map([...root.querySelectorAll("article.story")].map((story) => [story.id, story]));
const dayOf = (section) => section.querySelector("h2 time")?.dateTime ?? "";

// What a reader notices of a story; `page.js` changes the words of its time.
function contents(story) {
  const parts = ["h3 a", ".summary", ".also", ".source"].map((name) => story.querySelector(name)?.textContent.trim());
  return [...parts, story.querySelector("h3 a").href, story.querySelector(".picture img")?.src].join("\n");
}

function mark(story, name) {
  story.classList.add(name);
  if (name === "edited" && !story.querySelector(".edit")) {
    const note = document.createElement("span");
    note.className = "edit";
    note.textContent = words.edited;
    story.querySelector(".meta").append(note);
  }
}

// Put the wanted nodes into a parent in their order, before `end`; those that stand right are not moved.
function arrange(parent, wanted, end) {
  for (const node of wanted.toReversed()) {
    if (node.nextElementSibling !== end || node.parentNode !== parent) parent.insertBefore(node, end);
    end = node;
  }
}

// Take edits and removals over at once; return the stories that are new.
function compare(page) {
  const ours = stories(main), theirs = stories(page), added = [];
  const last = [...ours.keys()].findLastIndex((id) => theirs.has(id));  // those after it are too old for the page
  for (const [id, story] of [...ours].slice(0, last + 1)) if (!theirs.has(id)) remove(story);
  for (const [id, story] of theirs) {
    const known = ours.get(id);
    if (!known) added.push(story);
    else if (contents(known) !== contents(story)) {
      exchange(known, story);
      mark(story, "edited");
    }
  }
  return added;
}

// Put a story into the place of another one, and into its focus.
function exchange(known, story) {
  const isFocused = known.contains(document.activeElement);
  known.replaceWith(story);
  if (isFocused) story.querySelector("h3 a").focus({ preventScroll: true });
}

function remove(story) {
  const day = story.closest(".day");
  story.remove();
  if (!day.querySelector("article.story")) day.remove();
}

// Show the stories that wait, in their place under their day; those that the filter hides are there, too.
function showNew() {
  const isFirst = !main.querySelector(".day");
  for (const { section, order, added } of waiting) {
    let day = [...main.querySelectorAll(".day")].find((other) => dayOf(other) === dayOf(section));
    if (!day) {
      day = section.cloneNode(false);
      day.append(section.querySelector("h2").cloneNode(true));
      const older = [...main.querySelectorAll(".day")].find((other) => dayOf(other) < dayOf(section));
      main.insertBefore(day, older ?? main.querySelector(".day ~ :not(.day)") ?? null);
    }
    const ours = stories(main);
    const wanted = order.map((id) => ours.get(id) ?? added.get(id)).filter(Boolean);
    for (const story of added.values()) mark(story, "fresh");
    arrange(day, wanted.filter((story) => !ours.has(story.id) || story.parentNode === day), null);
  }
  if (waiting.length) {
    for (const [id, story] of leads) stories(main).get(id)?.replaceWith(story);
    if (isFirst) main.querySelector(".empty")?.remove();
  }
  waiting = [];
  pill.hidden = true;
  updateFilter();
}

function announce(page, added) {
  const ids = new Set(added.map((story) => story.id));
  waiting = [...page.querySelectorAll(".day")].map((section) => {
    const all = [...section.querySelectorAll("article.story")];
    const own = all.filter((story) => ids.has(story.id)).map((story) => [story.id, story]);
    return { section, order: all.map((story) => story.id), added: new Map(own) };
  }).filter(({ added }) => added.size);
  const ours = stories(main);  // the one that was the first is shown as the others are, once another one stands there
  const isLead = (story) => story.classList.contains("lead");
  leads = [...stories(page)].filter(([id, story]) => ours.has(id) && isLead(ours.get(id)) !== isLead(story));
  const count = added.filter(isMatch).length;
  pill.textContent = (count === 1 ? words.one : words.many).replace("{count}", count.toLocaleString(LANGUAGE));
  pill.hidden = false;
  if (!count || (!isReading() && !document.hidden)) showNew();
  if (count) status.querySelector(".news").textContent = pill.textContent;
}

// Whoever has scrolled down, or walks through the stories with the keyboard.
const isReading = () => scrollY >= NEAR_TOP || main.querySelector("article.story :focus-visible") !== null;

// ── events ──

// Take over what the page says now; return whether it is another one than at the last time.
async function load() {
  isStale = false;
  try {
    const response = await fetch(words.page, { cache: "no-cache" });
    if (!response.ok) return false;
    const text = await response.text(), isOther = loaded !== "" && text !== loaded;
    loaded = text;
    const page = new DOMParser().parseFromString(text, "text/html");
    announce(page, compare(page));
    updateFilter();
    showAges();
    return isOther;
  } catch { return false; }  // the connection is lost: the events will say so, too
}

// One request at a time, a moment after the first event of several, so that not all pages ask at once.
function refresh() {
  isStale = true;
  loading ??= new Promise((done) => setTimeout(done, 50 + 250 * Math.random())).then(async () => {
    for (const pause of PAUSES) {
      await new Promise((done) => setTimeout(done, pause));
      if (await load() || isStale) break;
    }
    loading = null;
    if (isStale && !document.hidden) refresh();
  });
}

function show(state) {
  status.hidden = false;
  status.dataset.state = state;
  status.querySelector(".state").textContent = words[state];
}

function connect() {
  events = new EventSource(words.live);
  for (const name of ["article", "retract", "reset"]) events.addEventListener(name, refresh);
  events.addEventListener("open", () => {
    if (status.dataset.state) refresh();  // what was published while the page was not connected
    else load();  // and since the page was made
    wait = 2;
    show("now");
  });
  events.addEventListener("error", () => {
    show(navigator.onLine ? "lost" : "offline");
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 1000 * (wait = Math.min(2 * wait, MAX_WAIT)));
  });
}

pill?.addEventListener("click", () => {
  showNew();
  showAges();
  scrollTo({ top: 0, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  shownStories()[0]?.querySelector("h3 a").focus({ preventScroll: true });
});
addEventListener("filter", () => { showNew(); showAges(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden && isStale) refresh(); });
if (status && pill && serverOffers("live")) {  // a theme may leave them out
  addEventListener("offline", () => show("offline"));
  connect();
}

// The service worker: shows notifications, and the pages that were read last while there is no network.
"use strict";

const ROOT = new URL(registration.scope);
const PAGES = "feeds-pages", ASSETS = "feeds-assets";
const LIMITS = { [PAGES]: 50, [ASSETS]: 100 };  // those that were read last
const MAX_SIZE = 2_000_000;  // bytes
const PATIENCE = 4000;  // milliseconds until a page that was kept is shown in the place of one that does not come
const NEVER = /^(live|search|push|hub|websub|health)(\/|$)/;
const ASSET = /^(assets|stories)\/.|^manifest\.webmanifest$/;
const MAX_STORIES = 10, MAX_LINES = 4;  // of a notification

// ── what was read ──

// The path below the site; null for what others serve, and for what is not to be kept.
function pathOf(url) {
  const { origin, pathname } = new URL(url);
  if (origin !== ROOT.origin || !pathname.startsWith(ROOT.pathname)) return null;
  const path = pathname.slice(ROOT.pathname.length);
  return NEVER.test(path) ? null : path;
}

// Not a feed, although a browser that opens one gets its page: what a worker requests says no more for what it is.
const isPage = (path) => path === "" || path.endsWith(".html");

// `/` and `/index.html` are one page; what stands behind `?` makes no other.
function keyOf(url) {
  const { origin, pathname } = new URL(url);
  return origin + pathname.replace(/\/index\.html$/, "/");
}

async function keep(name, url, response) {
  const cache = await caches.open(name), { status, headers, redirected } = response;
  if (status === 404 || status === 410) await cache.delete(keyOf(url));
  const isKept = name === ASSETS || headers.get("content-type")?.startsWith("text/html");
  if (status !== 200 || redirected || !isKept || Number(headers.get("content-length")) > MAX_SIZE) return;
  await cache.put(keyOf(url), response);
  const keys = await cache.keys();
  await Promise.all(keys.slice(0, Math.max(0, keys.length - LIMITS[name])).map((key) => cache.delete(key)));
}

const keepLoaded = async (name, url) => keep(name, url, await fetch(url));

// What the network says, which is kept.
function load(event, name) {
  const { request } = event, loading = fetch(request);
  event.waitUntil(loading.then((response) => keep(name, request.url, response.clone())).catch(() => {}));
  return loading;
}

// What the network says, or else what was kept; where nothing was, the front page.
async function respond(event, name) {
  const { request } = event, loading = load(event, name);
  const kept = await caches.match(keyOf(request.url), { cacheName: name });
  const late = new Promise((_, fail) => setTimeout(fail, PATIENCE));
  try {
    return await (kept ? Promise.race([loading, late]) : loading);
  } catch {
    const front = request.mode === "navigate" && await caches.match(ROOT.href, { cacheName: PAGES });
    return kept ?? (front ? Response.redirect(ROOT.href) : Response.error());
  }
}

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(keepLoaded(PAGES, ROOT.href).catch(() => {}));
});

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

// What a page has loaded before this worker was there.
addEventListener("message", (event) => {
  const urls = event.data.keep.filter((url) => pathOf(url) !== null);
  const pages = urls.filter((url) => isPage(pathOf(url))), assets = urls.filter((url) => ASSET.test(pathOf(url)));
  const loads = [...pages.map((url) => keepLoaded(PAGES, url)), ...assets.map((url) => keepLoaded(ASSETS, url))];
  event.waitUntil(Promise.allSettled(loads));
});

addEventListener("fetch", (event) => {
  const { url, method, mode, headers } = event.request, path = pathOf(url);
  if (path === null || method !== "GET" || headers.has("range")) return;
  if (isPage(path)) event.respondWith(mode === "navigate" ? respond(event, PAGES) : load(event, PAGES));
  else if (ASSET.test(path)) event.respondWith(respond(event, ASSETS));
});

// ── notifications ──

// A notification of a feed takes over what the one before, which is still shown, has told. What comes twice is told once.
async function notify(message) {
  const { feed, stories, lang, dir } = message, tag = `feed:${feed}`;
  const [shown] = await registration.getNotifications({ tag });
  const earlier = shown?.data.stories ?? [], numbers = new Set(earlier.map((story) => story.number));
  const added = stories.filter((story) => !numbers.has(story.number));
  const all = [...added, ...earlier].slice(0, MAX_STORIES);
  const count = message.count - (stories.length - added.length) + (shown?.data.count ?? 0);
  const words = (count === 1 ? message.one : message.many).replace("{count}", count.toLocaleString(lang));
  const isOne = count === 1 && all.length === 1;
  await registration.showNotification(isOne ? all[0].title : words, {
    body: isOne ? message.body ?? shown?.body : all.slice(0, MAX_LINES).map((story) => story.title).join("\n"),
    data: { url: isOne ? message.url || message.page : message.page, count, stories: all },
    icon: new URL("assets/icon-192.png", ROOT).href,
    renotify: !shown || added.length > 0,
    tag, lang, dir,
  });
}

// The window that has the page open already, or a new one.
async function open(address) {
  const url = new URL(address, ROOT);
  if (!/^https?:$/.test(url.protocol)) return;
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const found = windows.find((window) => window.url.replace(/#.*/, "") === url.href.replace(/#.*/, ""));
  await (found ? found.focus() : clients.openWindow(url.href));
}

// The push service has given the browser another address.
async function renew(old, renewed) {
  const subscription = renewed ?? await registration.pushManager.subscribe(old.options);
  await fetch(new URL("push/subscribe", ROOT), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ subscription, replaces: old.endpoint }),
  });
}

addEventListener("push", (event) => event.waitUntil(notify(event.data.json())));

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.url));
});

addEventListener("pushsubscriptionchange", (event) => {
  if (event.oldSubscription) event.waitUntil(renew(event.oldSubscription, event.newSubscription));
});

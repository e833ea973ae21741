// The page as an app: `sw.js` keeps what was read for when there is no network, and shows notifications, for which a
// reader asks on a button. Browsers without these, and sites without our server, get neither, and nothing else changes.

const ROOT = new URL("..", import.meta.url);  // this file is in `assets`
const box = document.getElementById("notify");

// What a page of the first visit shows was loaded before the worker was there.
async function keepPage(registration) {
  if (navigator.serviceWorker.controller) return;
  const loaded = performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => name.startsWith(ROOT));
  const { active } = await navigator.serviceWorker.ready;
  active.postMessage({ keep: [location.href.replace(/#.*/, ""), ...loaded] });
}

// ── notifications ──

const request = async (path, form) => {
  const headers = { "Content-Type": "application/json" };
  const options = form ? { method: "POST", headers, body: JSON.stringify(form) } : {};
  const response = await fetch(new URL(`push/${path}`, ROOT), options);
  if (!response.ok) throw new Error(`the answer was ${response.status}`);
  return response.json();
};

function show(state) {
  const button = box.querySelector("button");
  box.hidden = false;
  box.dataset.state = state;
  box.querySelector("[role=status]").textContent = state === "off" ? "" : box.dataset[state];
  button.textContent = state === "on" ? box.dataset.stop : box.dataset.start;
  button.hidden = state === "denied";
}

const equal = (buffer, text) => buffer && btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "") === text;

// A subscription holds for the key that it was made with: where the server has another one, it is dead.
async function subscribe(manager) {
  if (await Notification.requestPermission() !== "granted") return false;
  const { key } = await request("key");
  let subscription = await manager.getSubscription();
  if (subscription && !equal(subscription.options.applicationServerKey, key)) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await manager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  await request("subscribe", { subscription, feed: box.dataset.feed });
  return true;
}

async function unsubscribe(manager) {
  const subscription = await manager.getSubscription();
  if (!subscription) return;
  const { feeds } = await request("unsubscribe", { endpoint: subscription.endpoint, feed: box.dataset.feed });
  if (!feeds.length) await subscription.unsubscribe();
}

async function offer({ pushManager }) {
  const refused = () => Notification.permission === "denied";
  const subscription = await pushManager.getSubscription();
  const { feeds } = subscription ? await request("feeds", { endpoint: subscription.endpoint }) : { feeds: [] };
  let isOn = feeds.includes(box.dataset.feed);
  show(refused() ? "denied" : isOn ? "on" : "off");
  const button = box.querySelector("button");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      if (isOn) await unsubscribe(pushManager);
      isOn = !isOn && await subscribe(pushManager);
      show(isOn ? "on" : refused() ? "denied" : "off");
    } catch {
      show("failed");
    }
    button.disabled = false;
  });
}

navigator.serviceWorker?.register(new URL("sw.js", ROOT)).then(async (registration) => {
  await keepPage(registration);
  if (box && serverOffers("push") && "PushManager" in window && "Notification" in window) await offer(registration);
}).catch(() => {});  // no worker is allowed here, or the server cannot be reached: nothing is offered

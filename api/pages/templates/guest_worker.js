// Keeps a guest's page for a door without a network: the network first, what was kept where there is none.
const KEPT = "guest";
const keep = async (urls) => {
  const cache = await caches.open(KEPT);
  await Promise.all(urls.map(async (url) => {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) await cache.put(url, answer);
  }));
};
addEventListener("install", () => self.skipWaiting());
addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
addEventListener("message", (event) => event.waitUntil(
  event.data.keep ? keep(event.data.keep) : caches.open(KEPT).then((cache) => cache.delete(event.data.forget, { ignoreVary: true }))));
addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  event.respondWith(fetch(event.request).catch(async (error) => {
    const kept = await caches.match(event.request, { ignoreVary: true });
    if (kept) return kept;
    throw error;
  }));
});

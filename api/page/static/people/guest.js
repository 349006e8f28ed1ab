// A guest's page is kept by the browser while its QR opens doors, so that it is there at a door without a network.
const kept = [location.href, ...[...document.querySelectorAll("link[rel=stylesheet], script[src]")].map((one) => one.href || one.src)];
if ("serviceWorker" in navigator) {
  const opens = document.querySelector("svg.qr") !== null;
  await navigator.serviceWorker.register("/guest/worker.js", { scope: "/guest/" });
  const { active } = await navigator.serviceWorker.ready;
  active.postMessage(opens ? { keep: kept } : { forget: location.href });
}

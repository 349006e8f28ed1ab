// Waits for a card at a reader: the time left is counted, and the page is asked for again once the API knows more.
const state = document.querySelector("#state[data-enrolment]");
const left = document.querySelector("#left");
const seconds = document.querySelector("#seconds");
const end = performance.now() + left.value * 1000;

setInterval(() => {
  const now = Math.max(0, Math.round((end - performance.now()) / 1000));
  left.value = now;
  seconds.textContent = now;
}, 1000);

async function ask() {
  while (performance.now() < end + 2000) {
    try {
      const answer = await fetch(`/v1/enrolments/${encodeURIComponent(state.dataset.enrolment)}?wait=20`);
      if (!answer.ok || (await answer.json()).state !== "waiting") break;
    } catch {
      await new Promise((again) => setTimeout(again, 1000)); // the line is cut: ask again
    }
  }
  location.reload();
}
ask();

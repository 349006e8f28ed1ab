// The line to the API: the stream, and the whole picture after every (re)connection.
const SILENT_MS = 45_000; // three heartbeats missed
const RETRY_MS = [1000, 2000, 4000, 8000, 15_000];

async function json(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" }, cache: "no-cache" });
  if (!answer.ok) throw Object.assign(new Error(`${path}: ${answer.status}`), { status: answer.status });
  return answer.json();
}

export async function* placePages() {
  let cursor = null;
  do {
    const page = await json(`/v1/places?limit=500${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    yield page.places;
    cursor = page.next ?? null;
  } while (cursor);
}

export const network = () => json("/v1/occupancy");
export const place = (id) => json(`/v1/places/${encodeURIComponent(id)}`);

/**
 * Keeps a stream open for ever. `open` is called at each (re)connection, `hear` with each number, `cut` with the time of
 * the last sign of life when the line goes or has been silent too long.
 */
export function listen({ open, hear, cut }) {
  let source = null;
  let heardAt = Date.now();
  let isCut = false;
  let tries = 0;
  let retry = 0;

  const alive = () => {
    heardAt = Date.now();
    if (isCut) opened();
  };

  function opened() {
    isCut = false;
    tries = 0;
    open();
  }

  function lost() {
    if (!isCut) {
      isCut = true;
      cut(heardAt);
    }
  }

  function connect() {
    source?.close();
    source = new EventSource("/v1/stream");
    source.onopen = () => {
      heardAt = Date.now();
      opened();
    };
    source.addEventListener("occupancy", (event) => {
      alive();
      hear(JSON.parse(event.data), event.lastEventId);
    });
    source.addEventListener("heartbeat", alive);
    source.onerror = () => {
      lost();
      if (source.readyState === EventSource.CLOSED) again(); // refused: the browser doesn't try again by itself
    };
  }

  function again() {
    clearTimeout(retry);
    retry = setTimeout(connect, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
  }

  setInterval(() => {
    if (Date.now() - heardAt > SILENT_MS) {
      lost();
      heardAt = Date.now(); // give the new connection its time
      connect();
    }
  }, 5000);
  connect();
}

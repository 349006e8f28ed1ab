// The connection to the API: a few requests, and the stream that sends the current state and then every change.
const SILENT_MS = 40_000; // the server sends something every 15 s
const ANSWER_MS = { places: 30_000, place: 8_000 }; // timeouts
const RETRY_MS = [1000, 2000, 4000, 8000, 15_000];

/** Requests JSON, and fails after `limit` ms. Returns it with the server's time (ms) if the response has it. */
async function json(path, limit) {
  const answer = await fetch(path, { headers: { accept: "application/json" }, cache: "no-cache", signal: AbortSignal.timeout(limit) });
  if (!answer.ok) throw Object.assign(new Error(`${path}: ${answer.status}`), { status: answer.status });
  return { body: await answer.json(), time: Date.parse(answer.headers.get("date") ?? "") };
}

/** Loads every place of the network, page by page. */
export async function* placePages() {
  let cursor = null;
  do {
    const { body, time } = await json(`/v1/places?limit=1000${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, ANSWER_MS.places);
    yield { places: body.places, time };
    cursor = body.next ?? null;
  } while (cursor);
}

export const place = async (id) => (await json(`/v1/places/${encodeURIComponent(id)}`, ANSWER_MS.place)).body;

/** Places in preparation, and buildings that could become one. */
export const coming = async () => (await json("/v1/inventory?status=preparation&status=building", ANSWER_MS.places)).body.places;

export const forecast = async (id) => (await json(`/v1/places/${encodeURIComponent(id)}/forecast`, ANSWER_MS.place)).body;

export const bookable = async (id) => (await json(`/v1/places/${encodeURIComponent(id)}/bookable`, ANSWER_MS.place)).body;

/**
 * Keeps a stream open for ever. `open` is called at each (re)connection, `hear` with each number, `cut` with the time of
 * the last data when the connection is lost or silent for too long. The browser itself resumes after the last event; a new
 * stream begins with the whole current state. `path`: of another stream than the whole network's.
 */
export function listen({ open, hear, cut, path = "/v1/stream" }) {
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

  function lost(at) {
    if (!isCut) {
      isCut = true;
      cut(at);
    }
  }

  function connect() {
    source?.close();
    source = new EventSource(path);
    source.onopen = () => {
      heardAt = Date.now();
      opened();
    };
    source.addEventListener("occupancy", (event) => {
      alive();
      hear(JSON.parse(event.data));
    });
    source.addEventListener("heartbeat", alive);
    source.onerror = () => {
      lost(Date.now());
      if (source.readyState === EventSource.CLOSED) again(); // refused: the browser doesn't retry this itself
    };
  }

  function again() {
    clearTimeout(retry);
    retry = setTimeout(connect, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
  }

  setInterval(() => {
    if (Date.now() - heardAt > SILENT_MS) {
      lost(heardAt);
      heardAt = Date.now(); // the timeout starts again
      connect();
    }
  }, 5000);
  connect();
}

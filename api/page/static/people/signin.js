// Passkeys (WebAuthn). A form with `data-passkey` is sent once the browser has signed in (`sign`) or made a passkey (`make`) by what
// `data-options` answers; what it did goes into the field `credential`.
const LONG = 20_000;

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** Ask the server what to sign, or what to make a passkey by. */
async function options(path) {
  const answer = await fetch(path, { method: "POST", signal: AbortSignal.timeout(LONG) });
  if (!answer.ok) throw Object.assign(new Error(`options: ${answer.status}`), { status: answer.status });
  const given = await answer.json();
  return given.options ?? given;
}

/** Let the person sign with a passkey of theirs; return it as JSON. */
async function sign(given) {
  const made = await navigator.credentials.get({ publicKey: { ...given, challenge: bytes(given.challenge), allowCredentials: [] } });
  const { authenticatorData, clientDataJSON, signature, userHandle } = made.response;
  return {
    ...named(made),
    response: {
      authenticatorData: text(authenticatorData), clientDataJSON: text(clientDataJSON), signature: text(signature),
      userHandle: userHandle ? text(userHandle) : null,
    },
  };
}

/** Let the person make a passkey; return it as JSON. */
async function make(given) {
  const publicKey = {
    ...given,
    challenge: bytes(given.challenge),
    user: { ...given.user, id: bytes(given.user.id) },
    excludeCredentials: given.excludeCredentials.map((one) => ({ ...one, id: bytes(one.id) })),
  };
  const made = await navigator.credentials.create({ publicKey });
  const { attestationObject, clientDataJSON } = made.response;
  return {
    ...named(made),
    response: {
      attestationObject: text(attestationObject), clientDataJSON: text(clientDataJSON),
      transports: made.response.getTransports?.() ?? [],
    },
  };
}

const named = (made) => ({ id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: {} });

/** Say on the form what went wrong, so that a screen reader says it too. */
function complain(form, error) {
  const line = form.querySelector("[role=alert]");
  const kept = error.name === "InvalidStateError" && form.dataset.there;
  line.textContent = kept || (error.status && form.dataset.busy) || form.dataset.refused;
  line.hidden = false;
}

function attach(form) {
  form.addEventListener("submit", async (event) => {
    if (form.elements.credential.value) return; // signed: it goes
    event.preventDefault();
    event.stopPropagation(); // not sent yet, so not for once.js
    if (form.dataset.asking) return;
    form.dataset.asking = "yes";
    form.querySelector("[role=alert]").hidden = true;
    try {
      const given = await options(form.dataset.options);
      form.elements.credential.value = JSON.stringify(await (form.dataset.passkey === "make" ? make : sign)(given));
      form.requestSubmit();
    } catch (error) {
      complain(form, error);
    } finally {
      delete form.dataset.asking;
    }
  });
  form.hidden = false;
}

if (window.PublicKeyCredential && navigator.credentials) document.querySelectorAll("[data-passkey]").forEach(attach);
// back to a page that the browser kept: what was signed once is of no use any more
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-passkey]")) form.elements.credential.value = "";
});

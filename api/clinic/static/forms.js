// Sends forms to the API as JSON and says what came of it, beside the field where that is known.
//
//   <form method="dialog" data-send="POST /v1/subjects" data-then="/clinic/subjects/{id}">
//     <input name="height_m" data-type="number">      names with dots make objects within objects
//     <p class="error" role="alert" hidden></p>
//
// method="dialog": sent before this script ran, the form goes nowhere, and no name or password into an address.
// data-then: where to go when it is done ({field} comes from the answer), or "reload".
// data-show: a field of the answer to show, once, in the form's .shown; a path is shown as a whole address.
// data-empty="null": what is left empty is sent as null and so taken away; else it is left out.

const csrf = () => document.querySelector('meta[name="csrf-token"]').content;

/** Ask the API. Gives {ok, status, told}; `told` is the answer or the problem as data. */
export async function ask(method, url, body) {
  const headers = { Accept: "application/json", "X-CSRF-Token": csrf() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await answer.text();
    let told = {};
    try { told = text ? JSON.parse(text) : {}; } catch { /* no JSON: the status says enough */ }
    if (answer.status === 401 && !location.pathname.startsWith("/clinic/sign-in")) {
      location.assign(`/clinic/sign-in?next=${encodeURIComponent(location.pathname)}`);
    }
    return { ok: answer.ok, status: answer.status, told };
  } catch {
    return { ok: false, status: 0, told: { detail: "The server does not answer. Try again in a moment." } };
  }
}

const read = {
  number: (input) => (input.value === "" ? undefined : Number(input.value)),
  integer: (input) => (input.value === "" ? undefined : Number(input.value)),
  boolean: (input) => input.checked,
  "boolean-text": (input) => input.value === "true",
};

/** The form's fields as the JSON that the API takes. */
function bodyOf(form) {
  const body = {};
  for (const input of form.elements) {
    if (!input.name || input.disabled || (input.type === "radio" && !input.checked)) continue;
    const steps = input.name.split(".");
    const last = steps.pop();
    const holder = steps.reduce((object, step) => (object[step] ??= {}), body);
    if (input.dataset.type === "list") {
      holder[last] ??= [];
      if (input.checked) holder[last].push(input.value);
      continue;
    }
    let value = (read[input.dataset.type] ?? ((each) => (each.value === "" ? undefined : each.value)))(input);
    if (value === undefined && form.dataset.empty === "null") value = null;
    if (value !== undefined) holder[last] = value;
  }
  return body;
}

function clear(form) {
  const error = form.querySelector(".error[role=alert]");
  if (error) error.hidden = true;
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-errormessage");
  }
}

/** Say what is wrong, and take the person to the first field that it is about. */
function complain(form, told) {
  const error = form.querySelector(".error[role=alert]");
  if (error) {
    error.id ||= `error-${Math.random().toString(36).slice(2)}`;
    error.textContent = told.detail ?? "That did not work.";
    error.hidden = false;
  } else {
    alert(told.detail ?? "That did not work.");
  }
  const named = (told.errors ?? []).map((each) => form.elements[each.field.replace(/^body\./, "")]).filter((each) => each?.setAttribute);
  for (const input of named) {
    input.setAttribute("aria-invalid", "true");
    if (error) input.setAttribute("aria-errormessage", error.id);
  }
  named[0]?.focus();
}

function show(form, told) {
  const shown = form.querySelector(".shown");
  const value = told[form.dataset.show];
  const code = document.createElement("code");
  code.textContent = value.startsWith("/") ? new URL(value, location.href).href : value;
  shown.replaceChildren("It is shown this once; hand it over yourself: ", code);
  shown.hidden = false;
}

async function send(form) {
  const [method, url] = form.dataset.send.split(" ");
  clear(form);
  for (const input of form.querySelectorAll("[data-must-be]")) {
    if (input.value.trim() !== input.dataset.mustBe) {
      complain(form, { detail: `Type ${input.dataset.mustBe} to confirm.` });
      input.focus();
      return;
    }
  }
  const buttons = form.querySelectorAll("button");
  buttons.forEach((button) => { button.disabled = true; });
  const body = bodyOf(form);
  const { ok, told } = await ask(method, url, method === "DELETE" || Object.keys(body).length === 0 ? undefined : body);
  buttons.forEach((button) => { button.disabled = false; });
  if (!ok) complain(form, told);
  else if (form.dataset.show) show(form, told);
  else if (form.dataset.then === "reload") location.reload();
  else location.assign(form.dataset.then.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(told[name])));
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.send) {
    event.preventDefault();
    send(form);
  } else if (form.id === "compare") {
    event.preventDefault();
    const chosen = [...form.querySelectorAll("input[name=chosen]:checked")].map((each) => each.value);
    if (chosen.length === 2) location.assign(`/clinic/compare?one=${chosen[0]}&other=${chosen[1]}`);
    else complain(form, { detail: "Choose two recordings." });
  }
});

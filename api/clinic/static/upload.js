// Several recordings: each with its task and leg, uploaded one after the other, resumed where a connection was cut.
import { ask } from "./forms.js";

const form = document.getElementById("uploads");
if (form) {
  const files = document.getElementById("files");
  const list = document.getElementById("chosen");
  const template = document.getElementById("chosen-one");
  const status = document.getElementById("uploads-say");
  const button = form.querySelector("button");
  let chosen = [];

  function show() {
    chosen = [...files.files].map((file) => {
      const row = template.content.firstElementChild.cloneNode(true);
      row.querySelector(".file").textContent = `${file.name}, ${(file.size / 1e6).toFixed(1)} MB`;
      row.querySelector("progress").setAttribute("aria-label", `Progress of ${file.name}`);
      for (const [name, says] of [["task", "Task"], ["side", "Leg stood on"], ["day", "Recorded on"]]) {
        row.querySelector(`.${name}`).setAttribute("aria-label", `${says}: ${file.name}`);
      }
      return { file, row };
    });
    list.replaceChildren(...chosen.map(({ row }) => row));
    button.disabled = chosen.length === 0;
  }

  files.addEventListener("change", show);
  show(); // files chosen before this script ran, or kept by the browser over a reload

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    files.disabled = true;
    const made = [];
    for (const { file, row } of chosen) made.push(await begin(file, row));
    await Promise.all(made.filter(Boolean).map(({ id, row }) => watch(id, row)));
    if (made.every(Boolean)) location.reload();
    files.disabled = false;
  });

  function say(row, words, share) {
    row.querySelector(".progress").hidden = false;
    const line = row.querySelector(".says");
    if (line.textContent !== words) line.textContent = words;
    if (share !== undefined) row.querySelector("progress").value = share;
  }

  /** Tell of a recording and upload it; its id, or nothing where that failed. */
  async function begin(file, row) {
    const field = (name) => row.querySelector(`.${name}`).value || null;
    say(row, "Uploading", 0);
    status.textContent = `Uploading ${file.name}`;
    const { ok, told } = await ask("POST", "/v1/screenings", {
      subject_id: form.dataset.subject,
      name: file.name.slice(0, 200),
      recorded_on: field("day"),
      settings: { task: field("task"), side: field("side"), mirrored: row.querySelector(".mirrored").checked },
      bytes: file.size,
    });
    if (!ok) return fail(file, row, told.detail);
    for (let tries = 0; ; tries += 1) {
      const begun = tries === 0 ? 0 : (await ask("GET", `/v1/screenings/${told.id}/video`)).told.received_bytes ?? 0;
      const sent = await put(told.id, file, begun, (share) => say(row, "Uploading", share));
      if (sent.ok) break;
      if (sent.status !== 0 || tries >= 5) return fail(file, row, sent.told.detail);
      say(row, "The connection was cut; going on in a moment");
      await new Promise((resolve) => { setTimeout(resolve, 1000 * 2 ** tries); });
    }
    return { id: told.id, row };
  }

  function fail(file, row, why) {
    say(row, why ?? "The upload failed. Try again.");
    row.querySelector(".says").classList.add("error");
    status.textContent = `${file.name}: ${why}`;
    return null;
  }

  /** The file from an offset on, as a raw body; fetch cannot tell how much has gone, so the older way. */
  function put(id, file, begun, tell) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open("PUT", `/v1/screenings/${id}/video`);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.setRequestHeader("X-CSRF-Token", document.querySelector('meta[name="csrf-token"]').content);
      if (begun > 0) request.setRequestHeader("Content-Range", `bytes ${begun}-${file.size - 1}/${file.size}`);
      request.upload.onprogress = (event) => tell((begun + event.loaded) / file.size);
      request.onerror = () => resolve({ ok: false, status: 0, told: {} });
      request.onload = () => {
        let told = {};
        try { told = JSON.parse(request.responseText); } catch { /* the status says enough */ }
        resolve({ ok: request.status < 300, status: request.status, told });
      };
      request.send(begun > 0 ? file.slice(begun) : file);
    });
  }

  /** Follow the analysis to its end. */
  function watch(id, row) {
    return new Promise((resolve) => {
      const events = new EventSource(`/v1/screenings/${id}/events`);
      events.addEventListener("progress", (event) => {
        const { state, doing, share } = JSON.parse(event.data);
        say(row, state === "queued" ? "Waiting for its turn" : `Analysis: ${doing}`, share);
      });
      events.addEventListener("end", () => {
        events.close();
        resolve();
      });
    });
  }
}

// The way through the self-check: welcome, questions, camera, the check itself, the result.

import { Wire, listCameras, openCamera } from "./camera.js";
import { clear, draw } from "./overlay.js";
import { earlierTable, showResult } from "./result.js";
import { has, loadWords, promptWords, t } from "./words.js";
import { isMuted, say, setMuted } from "./voice.js";

const $ = (id) => document.getElementById(id);
const RETRY_MS = 1000;

const check = { intake: null, course: null, wire: null, stream: null, answer: null, live: false, result: null, prompt: null,
  retaking: null };
// For whoever measures: frame rate, delays, stages.
globalThis.selfCheck = check;

function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function show(step) {
  for (const section of document.querySelectorAll("[data-step]")) section.hidden = section.dataset.step !== step;
  $("live").hidden = step !== "live";
  $("main").hidden = step === "live";
  const title = step === "live" ? $("live-title") : document.querySelector(`[data-step="${step}"] h1`);
  document.title = `Screener: ${title.textContent}`;
  title.focus({ preventScroll: true });
  scrollTo(0, 0);
}

// --- welcome and questions ---------------------------------------------------------------------------------------

async function showEarlier() {
  const found = await (await fetch("/self-check/earlier")).json();
  $("earlier").hidden = !found.length;
  $("earlier-table").replaceChildren(earlierTable(found));
}

async function forgetEverything() {
  await fetch("/self-check/earlier", { method: "DELETE" });
  await showEarlier();
  $("welcome-status").textContent = t("earlier.forgotten");
}

function choice(name, value, text) {
  const label = make("label", undefined, { class: "choice" });
  label.append(make("input", undefined, { type: "checkbox", name, value }), make("span", text));
  return label;
}

async function buildQuestions() {
  const asked = await (await fetch("/self-check/questions")).json();
  check.stopRules = asked.stop_rules;
  for (const flag of asked.red_flags) $("red-flags").append(choice("flag", flag.id, flag.asks));
  $("red-flags").append(choice("flag", "none", t("intake.none")));
  for (const place of asked.pain_places) $("pain-places").append(choice("place", place, t(`place.${place}`)));
  for (let level = 0; level <= 10; level += 1) $("pain").append(make("option", `${level}`, { value: level }));
  for (const key of ["need_space", "need_clothes", "need_hold"]) $("welcome-needs").append(make("li", t(`welcome.${key}`)));
  showSetup();
}

/** What to set up and to do, for the movement that is chosen. */
function showSetup() {
  const task = $("task").value, step = task !== "single_leg_squat";
  $("box-field").hidden = !step;
  const keys = ["step_place", step ? "step_stand_high" : "step_stand", `step_do_${task}`, "step_hands"];
  $("setup").replaceChildren(...keys.map((key) => make("li", t(`camera.${key}`))));
}

const chosen = (name) => [...document.querySelectorAll(`input[name="${name}"]:checked`)].map((each) => each.value);

function complain(key, field) {
  $("intake-error").textContent = has(key) ? t(key) : key;
  $("intake-error").hidden = false;
  field?.focus();
}

async function sendAnswers(event) {
  event.preventDefault();
  $("intake-error").hidden = true;
  const flags = chosen("flag");
  const number = (id) => ($(id).value.trim() === "" ? NaN : Number($(id).value));
  if (!flags.length) return complain("intake.answer_flags", document.querySelector('input[name="flag"]'));
  if (!(number("age") >= 5 && number("age") <= 110)) return complain("intake.answer_age", $("age"));
  if (number("pain") > 0 && !chosen("place").length) return complain("intake.answer_where", document.querySelector('input[name="place"]'));
  if (!(number("running") >= 0 && number("running") <= 300)) return complain("intake.answer_running", $("running"));
  const intake = { age_years: Math.round(number("age")), pain_now: number("pain"), pain_where: number("pain") > 0 ? chosen("place") : [],
    running_km_per_week: number("running"), recent_spike: $("spike").checked, red_flags: flags.filter((flag) => flag !== "none") };
  if ($("sex").value) intake.sex = $("sex").value;
  const answered = await fetch("/self-check/answers", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(intake) });
  const said = await answered.json();
  if (!answered.ok) return complain(said.detail);
  check.intake = intake;
  if (said.referrals.length) {
    $("referral-says").replaceChildren(...said.referrals.map((each) => make("p", each.says)));
    return show("referral");
  }
  fillCameras();
  return show("camera");
}

async function fillCameras() {
  const select = $("device"), before = select.value;
  const known = await listCameras();
  select.replaceChildren(make("option", t("camera.default"), { value: "" }), ...known.map((each) => make("option", each.label, { value: each.id })));
  if (known.some((each) => each.id === before)) select.value = before;
}

// --- the check ---------------------------------------------------------------------------------------------------

function courseFromForm() {
  const first = $("first").value, task = $("task").value;
  const course = { task, sides: first === "left" ? ["left", "right"] : ["right", "left"], repetitions: Number($("repetitions").value) };
  if (task !== "single_leg_squat") course.box_height_cm = Math.min(40, Math.max(5, Number($("box").value) || 15));
  return course;
}

async function start(event) {
  event?.preventDefault();
  if (event) {
    check.course = courseFromForm();
    setMuted(!$("speak").checked);
  }
  show("live");
  paintMute();
  $("trouble").hidden = true;
  caption(t("live.connecting"));
  if (!(await light(() => start()))) return;
  if (!check.wire) check.wire = new Wire($("video"), { onMessage: heard, onGone: gone });
  await begin(false);
}

/** Camera on; says what is wrong where it is not, and offers `again`. */
async function light(again) {
  dark();
  try {
    check.stream = await openCamera($("device").value);
  } catch (error) {
    const why = { NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "none", OverconstrainedError: "none" }[error.name] ?? "in_use";
    trouble(why, { again });
    return false;
  }
  const [track] = check.stream.getVideoTracks();
  track.addEventListener("ended", unplugged);
  $("video").srcObject = check.stream;
  await $("video").play();
  fillCameras();
  return true;
}

function dark() {
  for (const track of check.stream?.getTracks() ?? []) {
    track.removeEventListener("ended", unplugged);
    track.stop();
  }
  check.stream = null;
}

function unplugged() {
  check.live = false;
  check.wire?.stop();
  check.wire?.tell({ do: "hang_up" });
  fillCameras();
  trouble("unplugged", { again: () => start() });
}

async function begin(takeOver) {
  const { wire } = check;
  try {
    if (!wire.open) await wire.connect();
  } catch {
    return gone();
  }
  check.result = check.retaking = null;
  wire.tell({ do: "begin", ...check.course, intake: check.intake, take_over: takeOver });
  return undefined;
}

function gone() {
  // A result that stands on the page stays there.
  if ($("live").hidden) return;
  check.live = false;
  check.wire.stop();
  trouble("gone", {});
  setTimeout(async () => {
    if ($("live").hidden || check.wire.open) return;
    try {
      await check.wire.connect();
    } catch {
      gone();
      return;
    }
    $("trouble").hidden = true;
    if (check.stream?.active) await begin(false);
    else await start();
  }, RETRY_MS);
}

async function takeBack() {
  if (await light(takeBack)) await begin(true);
}

/** One leg again; the other one stays as it was. */
async function retake(side) {
  check.retaking = side;
  check.result = null;
  show("live");
  $("trouble").hidden = true;
  caption(t("live.connecting"));
  if (!(await light(() => retake(side)))) return;
  if (check.wire.open) check.wire.tell({ do: "retake", side });
  else gone();
}

function heard(message) {
  if (message.is === "begun") {
    check.live = true;
    check.answer = null;
    $("trouble").hidden = true;
    $("progress").hidden = true;
    $("controls").hidden = false;
    show("live");
    check.wire.start();
  } else if (message.is === "seen" || message.is === "said") {
    if (!message.skipped && check.live) answered(message);
  } else if (message.is === "busy") {
    trouble("busy", { here: () => begin(true), setup: toSetup });
  } else if (message.is === "taken_over") {
    check.live = false;
    check.wire.stop();
    dark();
    trouble("taken_over", { here: takeBack, setup: toSetup });
  } else if (message.is === "working") {
    $("progress").hidden = false;
    $("progress").value = message.share;
  } else if (message.is === "result") {
    finished(message.result);
  } else if (message.is === "problem") {
    check.live = false;
    check.wire.stop();
    trouble("problem", { anew: () => start(), setup: toSetup }, [`${message.says} ${message.what_to_do}`]);
  }
}

function answered(answer) {
  const before = check.answer?.stage;
  check.answer = { ...check.answer, ...answer };
  if ("landmarks" in answer) draw($("overlay"), $("video"), check.answer);
  for (const prompt of answer.prompts) {
    check.prompt = prompt;
    const sentence = promptWords(prompt, check.course.task);
    caption(sentence);
    say(sentence);
  }
  paintSigns(check.answer);
  if (answer.stage === before) return;
  $("pause").querySelector("span").textContent = t(answer.stage === "paused" ? "live.go_on" : "live.pause");
  if (answer.stage === "done") finish();
  if (answer.stage === "stopped") stopped(answer);
}

function paintSigns(answer) {
  const { side, repetitions, target, countdown, stage } = answer;
  const moving = side && ["standing", "lifting", "moving"].includes(stage);
  $("sign").hidden = !moving;
  if (moving) {
    const dots = "●".repeat(repetitions) + "○".repeat(Math.max(0, target - repetitions));
    $("sign").replaceChildren(make("span", t("live.leg", { SIDE: t(`side.${side}`).toUpperCase() })), " ", make("span", dots, { class: "dots" }));
  }
  const big = countdown ?? (stage === "moving" && repetitions ? repetitions : null);
  $("big").hidden = big === null;
  $("big").textContent = big ?? "";
  $("progress").hidden = stage !== "standing";
  $("progress").value = answer.still ?? 0;
}

function caption(sentence) { if ($("caption").textContent !== sentence) $("caption").textContent = sentence; }

function finish() {
  check.live = false;
  check.wire.stop();
  dark();
  $("controls").hidden = true;
  $("sign").hidden = $("big").hidden = true;
  $("rate").textContent = "";
  clear($("overlay"));
  caption(t("live.working"));
  check.wire.tell({ do: "finish" });
}

function stopped(answer) {
  check.live = false;
  check.wire.stop();
  dark();
  const side = check.retaking;
  const ways = { ...(side && { [`retake_${side}`]: () => retake(side) }), anew: () => start(), setup: toSetup };
  // Where it hurts there is no score, whatever was complete before.
  const half = (side || answer.sides_done.length > 0) && answer.stop !== "pain";
  if (half) ways.half = () => { $("trouble").hidden = true; finish(); };
  const more = answer.stop === "pain" ? check.stopRules : [];
  trouble(`stopped_${answer.stop}`, ways, half ? [t("trouble.half")] : more);
}

function trouble(why, ways, more = []) {
  $("trouble-says").textContent = t(`trouble.${why}`);
  const first = has(`trouble.${why}_more`) ? [t(`trouble.${why}_more`)] : [];
  $("trouble-more").replaceChildren(...[...first, ...more].map((text) => make("p", text)));
  $("trouble-ways").replaceChildren(...Object.entries(ways).map(([name, go], place) => {
    const button = make("button", t(`way.${name}`), { type: "button", class: place ? "" : "primary" });
    button.addEventListener("click", go);
    return button;
  }));
  $("trouble").hidden = false;
  ($("trouble-ways").querySelector("button") ?? $("trouble-says")).focus();
}

function toSetup() {
  check.live = false;
  dark();
  check.wire?.tell({ do: "hang_up" });
  $("trouble").hidden = true;
  show("camera");
}

// --- the result --------------------------------------------------------------------------------------------------

function finished(result) {
  check.result = result;
  showResult($("result"), result, {
    retake,
    anew: () => { check.course = courseFromForm(); show("camera"); },
    keep: async () => (await fetch(`/self-check/results/${result.id}/keep`, { method: "POST" })).ok,
  });
  show("result");
}

// --- keys and buttons --------------------------------------------------------------------------------------------

function act(what) {
  if (!check.live) return;
  const paused = check.answer?.stage === "paused";
  check.wire.tell({ do: what === "pause" && paused ? "go_on" : what });
}

function paintMute() { $("mute").querySelector("span").textContent = t(isMuted() ? "live.unmute" : "live.mute"); }

function toggleMute() {
  setMuted(!isMuted());
  paintMute();
}

function key(event) {
  if ($("live").hidden || !$("trouble").hidden || event.ctrlKey || event.altKey || event.metaKey) return;
  const onButton = event.target instanceof HTMLButtonElement;
  if (event.key === " " && onButton) return;
  const what = { " ": "pause", Escape: "stop", p: "pain", P: "pain", r: "repeat", R: "repeat" }[event.key];
  if (what) {
    event.preventDefault();
    act(what);
  } else if (event.key.toLowerCase() === "m") toggleMute();
}

await loadWords();
await buildQuestions();
$("agree").addEventListener("click", () => show("intake"));
$("forget").addEventListener("click", forgetEverything);
$("intake-form").addEventListener("submit", sendAnswers);
$("camera-form").addEventListener("submit", start);
$("pain").addEventListener("change", () => { $("pain-where").hidden = $("pain").value === "0"; });
$("task").addEventListener("change", showSetup);
$("mute").addEventListener("click", toggleMute);
for (const button of document.querySelectorAll("[data-do]")) button.addEventListener("click", () => act(button.dataset.do));
for (const button of document.querySelectorAll("[data-back]")) button.addEventListener("click", () => show(button.dataset.back));
for (const box of document.querySelectorAll('input[name="flag"]')) {
  box.addEventListener("change", () => {
    // "None of these" and a sign exclude each other.
    for (const other of document.querySelectorAll('input[name="flag"]')) {
      if (box.checked && other !== box && (box.value === "none" || other.value === "none")) other.checked = false;
    }
  });
}
document.addEventListener("keydown", key);
navigator.mediaDevices?.addEventListener?.("devicechange", fillCameras);
setInterval(() => { if (check.live) $("rate").textContent = t("live.rate", { number: check.wire.rate.toFixed(0) }); }, 500);
show("welcome");
await showEarlier();
document.body.dataset.ready = "yes";

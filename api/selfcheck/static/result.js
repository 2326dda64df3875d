// The result page: words first, then numbers with their ranges, then what to practise.

import { drawingOf } from "./drawings.js";
import { t } from "./words.js";

function make(tag, content, attributes = {}) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...[content ?? []].flat());
  return element;
}

const heading = (level, key) => make(`h${level}`, t(key));
const list = (items) => make("ul", items.map((each) => make("li", each)));

function table(of) {
  const head = make("tr", of.head.map((cell) => (cell ? make("th", cell, { scope: "col" }) : make("td"))));
  const rows = of.rows.map(([first, ...cells]) => make("tr", [make("th", first, { scope: "row" }), ...cells.map((cell) => make("td", cell))]));
  const made = make("table", [make("caption", of.caption), make("thead", head), make("tbody", rows)]);
  return make("div", made, { class: "scroll", tabindex: "0", role: "region", "aria-label": of.caption });
}

/** Earlier checks as a table, a row a leg. */
export function earlierTable(found) {
  const rows = found.flatMap((one) => one.trials.map((trial) => {
    const day = new Date(one.created_at).toLocaleDateString(document.documentElement.lang, { dateStyle: "medium" });
    return [day, t(`side.${trial.side}`), ...trial.readings.map((reading) => reading.value)];
  }));
  const names = found[0]?.trials[0]?.readings.map((reading) => reading.name) ?? [];
  return table({ caption: t("earlier.title"), head: [t("earlier.day"), t("earlier.leg"), ...names], rows }).firstChild;
}

/** Fills the result page. `does` has retake(side), anew() and keep(). */
export function showResult(place, result, does) {
  const { contents, plan } = result;
  const parts = [];
  parts.push(make("div", contents.said.map((each) => make("p", each)), { class: result.nothing_because ? "note warn" : "note", id: "said" }));
  if (result.box_height_cm) parts.push(make("p", t("result.box", { number: result.box_height_cm })));
  if (contents.legs.length) parts.push(...legs(result));
  if (contents.sides.length) parts.push(heading(2, "result.sides"), list(contents.sides));
  if (result.compared.length) parts.push(heading(2, "result.earlier"), list(result.compared));
  parts.push(...practise(contents.plan, plan));
  parts.push(...takeHome(result, does));
  parts.push(heading(2, "result.limits"), list(contents.limits));
  place.replaceChildren(...parts.flat());
}

function legs(result) {
  const cards = result.trials.map((trial) => {
    // A reason that all readings share is said once.
    const [why, ...others] = new Set(trial.readings.map((reading) => reading.why));
    const shared = others.length ? [] : [make("p", why, { class: "small" })];
    return make("section", [
      make("h3", trial.title), make("p", t("result.counted", { counted: trial.counted, seen: trial.seen }), { class: "small" }),
      ...trial.readings.map((reading) => make("div", [
        make("b", reading.name), make("span", reading.grade ? `${reading.value}, ${reading.grade}` : reading.value, { class: "value" }),
        ...(others.length ? [make("div", reading.why, { class: "small" })] : [])], { class: "reading" })), ...shared,
    ], { class: "card", "data-leg": trial.side, "data-counted": trial.counted });
  });
  const all = result.contents.legs.map((leg) => table(leg.summary));
  return [heading(2, "result.numbers"), make("div", cards, { class: "legs" }),
    make("div", [heading(3, "result.sure"), make("p", t("result.sure_says"))], { class: "note" }),
    make("details", [make("summary", t("result.numbers_all")), ...all])];
}

function practise(part, plan) {
  if (!part) return [heading(2, "result.plan"), make("p", t("result.no_plan"))];
  const made = [make("h2", t("result.plan"), { id: "plan" })];
  if (part.why_none) made.push(make("div", make("p", part.why_none), { class: "note stop" }));
  else made.push(make("p", part.programme, { class: "small" }));
  if (part.advice.length) made.push(list(part.advice));
  part.phases.forEach((phase, at) => {
    const items = plan.phases[at].exercises.map((exercise) => make("li", [
      drawingOf(exercise.id, exercise.name), make("h3", exercise.name), make("p", exercise.dose, { class: "dose" }),
      list([...exercise.cues, ...(exercise.note ? [exercise.note] : [])]),
      make("p", t("result.evidence", { grade: exercise.evidence_grade }), { class: "small" })], { class: "card" }));
    const details = make("details", [make("summary", phase.title), make("p", phase.goal), make("ul", items, { class: "exercises" }),
      make("h3", t("result.move_on")), list(phase.move_on_when), make("h3", t("result.step_back")), list(phase.step_back_when)]);
    details.open = at === 0;
    made.push(details);
  });
  if (part.running) made.push(make("details", [make("summary", t("result.running")), make("p", part.running_says), table(part.running)]));
  if (part.stop_rules.length) made.push(heading(3, "result.stop"), list(part.stop_rules));
  if (part.see_a_clinician.length) made.push(heading(3, "result.clinician"), list(part.see_a_clinician));
  return made;
}

function takeHome(result, does) {
  const link = (key, file) => make("a", t(key), { class: "button", href: `/self-check/results/${result.id}/${file}`, download: "" });
  const button = (key, go, kind = "") => {
    const made = make("button", t(key), { type: "button", class: kind });
    made.addEventListener("click", go);
    return made;
  };
  const made = [];
  if (result.contents.plan?.retest) {
    made.push(heading(2, "result.next"), make("p", result.contents.plan.retest), make("div", link("result.calendar", "next-check.ics"), { class: "buttons" }));
  }
  const status = make("p", t("result.film_gone"), { role: "status", class: "small" });
  const keep = button("result.keep", async () => {
    if (await does.keep()) {
      status.textContent = t("result.kept");
      keep.disabled = true;
    }
  });
  keep.id = "keep";
  made.push(heading(2, "result.keep_title"), make("div", [link("result.pdf", "report.pdf"), ...(result.can_download ? [link("result.film", "recording.mp4")] : []), keep], { class: "buttons" }), status);
  made.push(heading(2, "result.again"), make("p", t("result.again_says")), make("div", [button("result.anew", does.anew, "primary"),
    button("way.retake_left", () => does.retake("left")), button("way.retake_right", () => does.retake("right"))], { class: "buttons" }));
  return made;
}

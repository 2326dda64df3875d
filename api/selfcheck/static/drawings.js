// Exercises as drawings of their start and end: a few strokes, in the colours of the page.

import { t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const { poses, exercises } = await (await fetch("/self-check/static/drawings.json")).json();

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

const stroke = (points, kind) => shape("polyline", { points: points.map((point) => point.join(",")).join(" "), class: kind });

const PROPS = {
  ball: (x, y, radius) => [shape("circle", { cx: x, cy: y, r: radius, class: "prop" })],
  band: (x1, y1, x2, y2) => [shape("line", { x1, y1, x2, y2, class: "band" })],
  bench: (x, y, width) => [shape("line", { x1: x, y1: y, x2: x + width / 2, y2: y, class: "prop" }), shape("line", { x1: x + 4, y1: y, x2: x + 4, y2: 84, class: "prop" })],
  box: (x, y, width, height) => [shape("rect", { x, y, width, height, class: "prop" })],
  chair: (x, y) => [stroke([[x, y], [x, 84]], "prop"), stroke([[x, 64], [x + 16, 64], [x + 16, 84]], "prop")],
  wall: (x) => [shape("line", { x1: x, y1: 4, x2: x, y2: 84, class: "prop" })],
  water: (y) => [shape("path", { d: `M4 ${y}q7-6 14 0t14 0 14 0 14 0 14 0 14 0 14 0 14 0`, class: "prop" })],
};

function pose(name, title) {
  const { h: [x, y], b = [], w = [], p = [] } = poses[name];
  const picture = shape("svg", { viewBox: "0 0 120 90", role: "img", "aria-label": title });
  if (name !== "swim") picture.append(shape("line", { x1: 2, y1: 85, x2: 118, y2: 85, class: "floor" }));
  picture.append(...p.flatMap(([kind, ...numbers]) => PROPS[kind](...numbers)));
  picture.append(...b.map((points) => stroke(points, "body")), ...w.map((points) => stroke(points, "work")));
  picture.append(shape("circle", { cx: x, cy: y, r: 6.5, class: "head" }));
  return picture;
}

/** The drawing of an exercise; nothing where there is none. */
export function drawingOf(id, name) {
  const figure = document.createElement("figure");
  figure.className = "drawing";
  const [start, end] = exercises[id] ?? [];
  if (!start) {
    figure.hidden = true;
    return figure;
  }
  if (!end) {
    figure.classList.add("single");
    figure.append(pose(start, name));
    return figure;
  }
  const then = document.createElement("span");
  then.className = "then";
  then.textContent = "→";
  then.setAttribute("aria-hidden", "true");
  figure.append(pose(start, t("result.start_of", { name })), then, pose(end, t("result.end_of", { name })));
  return figure;
}

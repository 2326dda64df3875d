export function drawingOf() { return document.createElement("div"); }

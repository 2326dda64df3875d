// What is drawn over the picture: where to stand, the skeleton, the stance leg and the line of its knee.

const LINES = [[11, 12], [11, 13], [13, 15], [12, 14], [14, 16], [11, 23], [12, 24], [23, 24], [23, 25], [25, 27],
  [24, 26], [26, 28], [27, 31], [28, 32], [27, 29], [28, 30]];
const LEG = { left: [23, 25, 27], right: [24, 26, 28] };
const SEEN = 0.4;

/** Takes away what was drawn. */
export function clear(canvas) { canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height); }

/** Draws one answer. The canvas is mirrored together with the picture, so nothing here is. */
export function draw(canvas, video, answer) {
  const width = video.videoWidth, height = video.videoHeight;
  if (!width) return;
  if (canvas.width !== width) { canvas.width = width; canvas.height = height; }
  clear(canvas);
  const pen = canvas.getContext("2d");
  pen.lineCap = pen.lineJoin = "round";
  if (answer.stage === "finding" || answer.stage === "placing") outline(pen, width, height);
  const marks = answer.landmarks;
  if (!marks) return;
  const at = (mark) => [marks[mark][0] * width, marks[mark][1] * height];
  const line = (points, colour, thick, dash = []) => {
    pen.strokeStyle = colour;
    pen.lineWidth = thick * height / 480;
    pen.setLineDash(dash);
    pen.beginPath();
    points.forEach(([x, y], place) => (place ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.stroke();
  };
  for (const [from, to] of LINES) {
    if (marks[from][2] > SEEN && marks[to][2] > SEEN) {
      line([at(from), at(to)], "rgb(13 16 20 / 0.7)", 6);
      line([at(from), at(to)], "#7fd4ff", 3);
    }
  }
  const leg = LEG[answer.side];
  if (leg && ["lifting", "moving"].includes(answer.stage)) {
    const [hip, knee, ankle] = leg.map(at);
    line([hip, knee, ankle], "rgb(13 16 20 / 0.8)", 10);
    line([hip, knee, ankle], "#ffd84d", 6);
    line([hip, ankle], "#ffffff", 2, [8, 8]);
    pen.setLineDash([]);
    pen.fillStyle = "#ffd84d";
    pen.beginPath();
    pen.arc(knee[0], knee[1], 8 * height / 480, 0, 2 * Math.PI);
    pen.fill();
  }
}

/** Where to stand: a person's outline, feet and head well inside the picture. */
function outline(pen, width, height) {
  const unit = height * 0.78 / 8;
  const middle = width / 2, top = height * 0.1;
  const x = (value) => middle + value * unit, y = (value) => top + value * unit;
  pen.setLineDash([10, 8]);
  pen.strokeStyle = "rgb(255 255 255 / 0.85)";
  pen.lineWidth = 3 * height / 480;
  pen.beginPath();
  pen.ellipse(x(0), y(0.55), 0.42 * unit, 0.55 * unit, 0, 0, 2 * Math.PI);
  pen.stroke();
  pen.beginPath();
  for (const side of [1, -1]) {
    pen.moveTo(x(0), y(1.3));
    for (const [across, down] of [[0.9, 1.45], [1.15, 2.6], [1.2, 4.1], [0.95, 4.1], [0.75, 2.5], [0.62, 3.9], [0.72, 5.9],
      [0.6, 7.7], [0.75, 8], [0.2, 8], [0.2, 7.7], [0.18, 5.9], [0, 4.3]]) pen.lineTo(x(side * across), y(down));
  }
  pen.stroke();
  pen.setLineDash([]);
}

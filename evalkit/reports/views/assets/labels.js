// Labels beside the chart's marks, none over another: what answers first, then the front from the best quality down.
"use strict";

const LINE_HEIGHT = 15;
const LABEL_GAP = 4;

// Places for a label of this size around a mark at x, y, the preferred first.
function placesAround(x, y, radius, width, height) {
  const gap = radius + LABEL_GAP;
  return [
    { left: x - width / 2, top: y - gap - height },
    { left: x + gap, top: y - height / 2 },
    { left: x - gap - width, top: y - height / 2 },
    { left: x - width / 2, top: y + gap },
    { left: x + gap, top: y - gap - height },
    { left: x - gap - width, top: y - gap - height },
    { left: x + gap, top: y + gap },
    { left: x - gap - width, top: y + gap },
  ].map((corner) => ({ ...corner, right: corner.left + width, bottom: corner.top + height }));
}

function overlap(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function widthOf(text) {
  widthOf.context ??= Object.assign(document.createElement("canvas").getContext("2d"), { font: "600 12px system-ui, sans-serif" });
  return widthOf.context.measureText(text).width + 4;
}

// Texts at places in pixels. `wanted`: {x, y, radius, lines, isAnswer}, the most important first; what has no room is left
// out, and only answers may lie over marks.
function placed(wanted, bounds, marks) {
  const taken = [];
  const texts = [];
  for (const { x, y, radius, lines, isAnswer } of wanted) {
    const [width, height] = [Math.max(...lines.map(widthOf)), lines.length * LINE_HEIGHT];
    const isFree = (box) =>
      box.left >= bounds.left && box.right <= bounds.right && box.top >= bounds.top && box.bottom <= bounds.bottom &&
      !taken.some((other) => overlap(box, other));
    const places = placesAround(x, y, radius, width, height);
    const covered = (place) => marks.filter((mark) => overlap(place, mark)).length;
    const [box] = places.filter((place) => isFree(place)).sort((a, b) => covered(a) - covered(b));
    if (!box || (covered(box) && !isAnswer)) continue;
    taken.push(box);
    texts.push({ ...box, lines });
  }
  return texts;
}

function labelMarks(named, onFront) {
  const chart = charts.chart;
  const pixel = (row) => chart.convertToPixel({ gridIndex: 0 }, [row.mean(state.x), row.quality]);
  const place = document.getElementById("chart");
  const bounds = { left: 66, right: place.clientWidth - 4, top: 4, bottom: place.clientHeight - 56 };
  const marks = marked.map((row) => {
    const [x, y] = pixel(row);
    const radius = DATA.marks.sizes[nameOf("dims", row.point)] / 2;
    return { left: x - radius, right: x + radius, top: y - radius, bottom: y + radius };
  });
  const byQuality = [...marked].sort((a, b) => b.quality - a.quality);
  const wanted = [...byQuality.filter((row) => named.has(row.i)), ...byQuality.filter((row) => onFront.has(row.i) && !named.has(row.i))].map((row) => {
    const [x, y] = pixel(row);
    const answer = named.get(row.i);
    return { x, y, radius: answer ? 15 : 8, lines: [answer, shortName(row.point)].filter(Boolean), isAnswer: Boolean(answer) };
  });
  const texts = placed(wanted, bounds, marks);
  const graphic = texts.flatMap(({ left, top, right, lines }) =>
    lines.map((text, i) => textAt((left + right) / 2, top + i * LINE_HEIGHT, text, { align: "center", isStrong: lines.length > 1 && i === 0 })),
  );
  chart.setOption({ graphic });
}

function textAt(x, y, text, { align = "left", isStrong = false, fill = colour(isStrong ? "accent" : "text"), width } = {}) {
  const font = `${isStrong ? 700 : 400} 12px system-ui, sans-serif`;
  return { type: "text", silent: true, z: 100, x, y, style: { text, align, font, fill, width, overflow: "truncate", stroke: colour("card"), lineWidth: 3 } };
}

// The names of lines to the right of where these end, moved apart. `ends`: {x, y, name, point}.
function labelEnds(id, ends, width) {
  const sorted = [...ends].sort((a, b) => a.y - b.y);
  const room = document.getElementById(id).clientHeight - LINE_HEIGHT;
  sorted.forEach((end, i) => { end.top = Math.max(end.y - LINE_HEIGHT / 2, i ? sorted[i - 1].top + LINE_HEIGHT : 0); });
  sorted.reverse().forEach((end, i) => { end.top = Math.min(end.top, i ? sorted[i - 1].top - LINE_HEIGHT : room); });
  const graphic = sorted.flatMap(({ x, top, name, point }) => [
    textAt(x + 14, top, "■", { fill: colourOf(point) }),
    textAt(x + 28, top, name, { width }),
  ]);
  charts[id].setOption({ graphic });
}

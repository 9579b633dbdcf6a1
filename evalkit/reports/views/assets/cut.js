// Quality at each width as a share of the quality at the widest: a line per model and quantization, named at its end.
"use strict";

const MOST_LINES = 16;
const END_ROOM = 330;

// The widest setting of each model that measured best: model → row.
function widestOf(all) {
  const widest = new Map();
  for (const row of all) {
    const model = nameOf("model", row.point);
    const [best, dims] = [widest.get(model), COLUMNS.dims[row.point]];
    if (!best || dims > COLUMNS.dims[best.point] || (dims === COLUMNS.dims[best.point] && row.quality > best.quality)) widest.set(model, row);
  }
  return widest;
}

function linesOf(left, all) {
  const widest = widestOf(all);
  const lines = new Map();
  for (const row of left) {
    const [model, quantization] = ["model", "quantization"].map((column) => nameOf(column, row.point));
    if (nameOf("index", row.point) !== nameOf("index", widest.get(model).point)) continue;
    const key = JSON.stringify([model, quantization]);
    lines.set(key, [...(lines.get(key) ?? []), row]);
  }
  const several = [...lines.values()].filter((line) => line.length > 1).slice(0, MOST_LINES);
  const isOneModel = new Set(several.map(([row]) => nameOf("model", row.point))).size < 2;
  return several.map((line) => ({
    name: `${isOneModel ? "" : `${nameOf("model", line[0].point)}${SEPARATOR}`}${nameOf("quantization", line[0].point)}`,
    point: line[0].point,
    data: line
      .map((row) => [COLUMNS.dims[row.point], (100 * row.quality) / widest.get(nameOf("model", row.point)).quality])
      .sort((a, b) => a[0] - b[0]),
  }));
}

function renderRetained(left, all) {
  const hasDims = (row) => COLUMNS.dims[row.point] !== null && !Number.isNaN(row.quality);
  const lines = linesOf(left.filter(hasDims), all.filter(hasDims));
  const widths = [...new Set(lines.flatMap(({ data }) => data.map(([dims]) => dims)))].sort((a, b) => a - b);
  const place = document.getElementById("retained");
  const isNarrow = place.clientWidth < 700;
  for (const part of document.querySelectorAll("[data-of=retained]")) part.hidden = !lines.length;
  place.style.height = isNarrow ? `${20 + 1.375 * lines.length}rem` : "26rem";
  draw("retained", {
    grid: { left: 64, right: isNarrow ? 24 : END_ROOM, top: 16, bottom: isNarrow ? 56 + 22 * lines.length : 56 },
    legend: isNarrow ? { orient: "vertical", left: 0, bottom: 0, itemGap: 8, textStyle: { color: colour("text"), width: place.clientWidth - 60, overflow: "truncate" } } : undefined,
    xAxis: axis("dims", {
      type: "log",
      min: widths[0],
      max: widths.at(-1),
      nameGap: 32,
      axisLabel: { customValues: widths, color: colour("text"), hideOverlap: true },
      axisTick: { customValues: widths },
    }),
    yAxis: axis(`${state.measure} kept, %`, { scale: true, nameGap: 44 }),
    tooltip: { trigger: "item", confine: true, backgroundColor: colour("card"), borderColor: colour("line"), textStyle: { color: colour("text") },
      formatter: ({ seriesName, value }) => echarts.format.encodeHTML(`${seriesName}: ${value[0]} dims, ${value[1].toFixed(1)} %`) },
    series: lines.map(({ name, point, data }) => ({
      name,
      type: "line",
      symbol: `path://${DATA.marks.shapes[nameOf("quantization", point)]}`,
      symbolSize: 10,
      symbolKeepAspect: true,
      color: colourOf(point),
      data,
    })),
  });
  if (isNarrow || !lines.length) return;
  const ends = lines.map(({ name, point, data }) => {
    const [x, y] = charts.retained.convertToPixel({ gridIndex: 0 }, data.at(-1));
    return { x, y, name, point };
  });
  labelEnds("retained", ends, END_ROOM - 34);
}

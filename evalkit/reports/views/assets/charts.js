// The charts, drawn by Apache ECharts: quality against cost, quality kept when cut, speed, and the parts of the cost.
"use strict";

const CANVAS_FROM = 2000;
const MOST_BARS = 15;
const charts = {};

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function draw(id, option) {
  const place = document.getElementById(id);
  const renderer = option.series.some((s) => s.data.length > CANVAS_FROM) ? "canvas" : "svg";
  charts[id]?.dispose();
  charts[id] = echarts.init(place, null, { renderer });
  charts[id].setOption({
    animation: false,
    textStyle: { fontFamily: "system-ui, sans-serif", color: colour("text") },
    ...option,
  });
}

function axis(name, more = {}) {
  return {
    name,
    nameLocation: "middle",
    nameTextStyle: { color: colour("text") },
    axisLabel: { color: colour("text"), hideOverlap: true },
    splitLine: { lineStyle: { color: colour("line") } },
    ...more,
  };
}

function describe(row) {
  const box = document.createElement("div");
  box.className = "tip";
  const heading = document.createElement("strong");
  heading.textContent = settingName(row.point);
  box.append(heading);
  const lines = [`${state.measure} ${row.quality.toFixed(4)}${intervalText(row)}`];
  for (const measure of DATA.measures) {
    if (measure !== state.measure) lines.push(`${measure} ${number(row.mean(measure), "")}`);
  }
  for (const column of Object.keys(DATA.units)) {
    const value = row.mean(column);
    if (!Number.isNaN(value)) lines.push(`${column} ${figureText(column, value)}`);
  }
  for (const text of lines) {
    const line = document.createElement("div");
    line.textContent = text;
    box.append(line);
  }
  return box;
}

// 1, 2 and 5 times powers of ten around some positive numbers: the ends and ticks of a logarithmic axis.
function logTicks(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const digit of [1, 2, 5]) ticks.push(Number(`${digit}e${power}`));
  }
  const first = ticks.findLastIndex((tick) => tick < low);
  const last = ticks.findIndex((tick) => tick > high);
  return ticks.slice(Math.max(first, 0), last < 0 ? undefined : last + 1);
}

function logAxis(name, values, more) {
  const ticks = values.length ? logTicks(values) : [1, 10];
  const shown = { customValues: ticks, color: colour("text"), hideOverlap: true };
  return axis(name, { type: "log", min: ticks[0], max: ticks.at(-1), axisLabel: shown, axisTick: { customValues: ticks }, ...more });
}

let marked = []; // the rows in the chart, from left to right
let walked = -1; // which of them the arrow keys have reached

function renderChart(all) {
  const shown = all.filter((row) => isShown(row.point) && !Number.isNaN(row.quality));
  marked = shown.filter((row) => (state.log ? row.mean(state.x) > 0 : !Number.isNaN(row.mean(state.x))));
  marked.sort((a, b) => a.mean(state.x) - b.mean(state.x));
  walked = -1;
  const front = paretoFront(marked, state.x).sort((a, b) => a.mean(state.x) - b.mean(state.x));
  const { colours, shapes, sizes } = DATA.marks;
  draw("chart", {
    grid: { left: 64, right: 24, top: 16, bottom: 56 },
    xAxis: state.log
      ? logAxis(axisLabel(state.x), marked.map((row) => row.mean(state.x)), { nameGap: 32 })
      : axis(axisLabel(state.x), { type: "value", scale: true, nameGap: 32 }),
    yAxis: axis(state.measure, { scale: true, nameGap: 44 }),
    dataZoom: [{ type: "inside", xAxisIndex: 0 }, { type: "inside", yAxisIndex: 0 }],
    tooltip: {
      trigger: "item",
      confine: true,
      backgroundColor: colour("card"),
      textStyle: { color: colour("text"), fontSize: 12 },
      formatter: ({ seriesIndex, dataIndex }) => (seriesIndex === 0 ? describe(marked[dataIndex]) : ""),
    },
    series: [
      {
        name: "settings",
        type: "scatter",
        data: marked.map(({ point, mean, quality }) => ({
          value: [mean(state.x), quality],
          symbol: `path://${shapes[nameOf("quantization", point)]}`,
          symbolSize: sizes[nameOf("dims", point)],
          symbolKeepAspect: true,
          itemStyle: { color: colours[nameOf("model", point)], borderColor: colour("card"), borderWidth: 0.5 },
        })),
      },
      {
        name: "Pareto front",
        type: "line",
        step: DATA.higher_is_better.includes(state.x) ? "start" : "end",
        symbol: "none",
        silent: true,
        lineStyle: { color: colour("muted"), width: 1.5 },
        data: front.map((row) => [row.mean(state.x), row.quality]),
      },
    ],
  });
  const left = all.length - marked.length;
  document.getElementById("chart-note").textContent =
    `${marked.length} of ${all.length} settings, ${front.length} on the front` +
    (left ? `; ${left} are filtered out or have no ${state.x}` : "");
}

// Arrow keys walk over the marks from left to right; what is reached is shown and spoken.
function walk(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step || !marked.length) return;
  event.preventDefault();
  walked = (walked + step + marked.length) % marked.length;
  charts.chart.dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: walked });
  document.getElementById("chart-said").textContent = describe(marked[walked]).innerText;
}

// Quality at each width as a share of the quality at the widest, per model, quantization and index.
function renderRetained(all) {
  const measuredRows = all.filter((row) => COLUMNS.dims[row.point] !== null && !Number.isNaN(row.quality));
  const lines = new Map();
  for (const row of measuredRows.filter((shown) => isShown(shown.point))) {
    const key = ["model", "quantization", "index"].map((column) => nameOf(column, row.point)).join(" ");
    lines.set(key, [...(lines.get(key) ?? []), row]);
  }
  const widest = new Map();
  for (const row of measuredRows) {
    const model = nameOf("model", row.point);
    const best = widest.get(model);
    const dims = COLUMNS.dims[row.point];
    if (!best || dims > best.dims || (dims === best.dims && row.quality > best.quality)) {
      widest.set(model, { dims, quality: row.quality });
    }
  }
  const several = [...lines].filter(([, line]) => line.length > 1).slice(0, 40);
  const widths = [...new Set(several.flatMap(([, line]) => line.map((row) => COLUMNS.dims[row.point])))].sort((a, b) => a - b);
  draw("retained", {
    grid: { left: 64, right: 24, top: 16, bottom: 56 },
    xAxis: axis("dims", {
      type: "log",
      min: widths[0],
      max: widths.at(-1),
      nameGap: 32,
      axisLabel: { customValues: widths, color: colour("text"), hideOverlap: true },
      axisTick: { customValues: widths },
    }),
    yAxis: axis(`${state.measure} kept [%]`, { scale: true, nameGap: 44 }),
    tooltip: { trigger: "item", confine: true, backgroundColor: colour("card"), textStyle: { color: colour("text") },
      formatter: ({ seriesName, value }) => echarts.format.encodeHTML(`${seriesName}: ${value[0]} dims, ${value[1].toFixed(1)} %`) },
    series: several.map(([name, line]) => ({
      name,
      type: "line",
      symbol: `path://${DATA.marks.shapes[nameOf("quantization", line[0].point)]}`,
      symbolSize: 9,
      symbolKeepAspect: true,
      color: DATA.marks.colours[nameOf("model", line[0].point)],
      data: line
        .map((row) => [COLUMNS.dims[row.point], (100 * row.quality) / widest.get(nameOf("model", row.point)).quality])
        .sort((a, b) => a[0] - b[0]),
    })),
  });
}

// Names of settings beside bars: as wide as the screen allows, broken rather than cut.
function nameLabel(id) {
  const width = Math.min(320, document.getElementById(id).clientWidth * 0.4);
  return { color: colour("text"), width, overflow: "break", interval: 0 };
}

// Stacked bars of some columns for the settings on the front.
function renderBars(id, all, columns) {
  const front = paretoFront(all.filter((row) => isShown(row.point)), state.x).slice(-MOST_BARS);
  const names = front.map((row) => settingName(row.point));
  document.getElementById(id).style.height = `${110 + 30 * front.length}px`;
  draw(id, {
    grid: { left: 8, right: 24, top: 48, bottom: 48, containLabel: true },
    legend: { top: 0, textStyle: { color: colour("text") } },
    xAxis: axis(DATA.units[columns[0]], { type: "value", nameGap: 28 }),
    yAxis: axis("", { type: "category", data: names, axisLabel: nameLabel(id) }),
    tooltip: { trigger: "axis", confine: true, backgroundColor: colour("card"), textStyle: { color: colour("text") },
      valueFormatter: (value) => figureText(columns[0], value) },
    series: columns.map((column, i) => ({
      name: column,
      type: "bar",
      stack: "all",
      color: BAR_COLOURS[i],
      data: front.map((row) => row.mean(column)),
    })),
  });
}

const BAR_COLOURS = ["#3f90da", "#ffa90e", "#832db6"];

// Documents per second: one bar per model, which is encoded once for all of its settings.
function renderThroughput(all) {
  const models = new Map();
  for (const row of all.filter((shown) => isShown(shown.point))) {
    const model = nameOf("model", row.point);
    if (!models.has(model)) models.set(model, row);
  }
  document.getElementById("throughput").style.height = `${80 + 30 * models.size}px`;
  draw("throughput", {
    grid: { left: 8, right: 24, top: 8, bottom: 48, containLabel: true },
    xAxis: axis(axisLabel("documents_per_second"), { type: "value", nameGap: 28 }),
    yAxis: axis("", { type: "category", data: [...models.keys()], axisLabel: nameLabel("throughput") }),
    tooltip: { trigger: "axis", confine: true, backgroundColor: colour("card"), textStyle: { color: colour("text") } },
    series: [{
      name: "documents_per_second",
      type: "bar",
      data: [...models].map(([model, row]) => ({
        value: row.mean("documents_per_second"),
        itemStyle: { color: DATA.marks.colours[model] },
      })),
    }],
  });
}

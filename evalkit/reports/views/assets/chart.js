// The chart of quality against cost, drawn by Apache ECharts.
"use strict";

const CANVAS_FROM = 2000;
const OF_INTEREST = 0.75; // of the best's quality, as in chart.py
const LEAST_IN_VIEW = 5;
const charts = {};

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function colourOf(point) {
  return colour(`m${DATA.marks.colours[nameOf("model", point)]}`);
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
    axisLine: { lineStyle: { color: colour("muted") } },
    splitLine: { lineStyle: { color: colour("line") } },
    ...more,
  };
}

// What a mark says when it is pointed at or reached by the keys.
function describe(row, best) {
  const box = document.createElement("div");
  box.className = "tip";
  const heading = document.createElement("strong");
  heading.textContent = settingName(row.point);
  const share = best && row.i !== best.i ? `, ${percent(row.quality / best.quality)} of the best` : "";
  const lines = [
    `${state.measure} ${number(row.quality, "")}${intervalText(row)}${share}`,
    known(COST, row, ""),
    sized(row),
    DATA.searches ? timed(row) : "",
    Object.values(QUESTIONS).includes(state.x) ? "" : known(state.x, row, ` (${headingWithoutUnit(state.x)})`),
  ];
  box.append(heading, ...lines.filter(Boolean).map((text) => {
    const line = document.createElement("div");
    line.textContent = text;
    return line;
  }));
  return box;
}

function headingWithoutUnit(column) {
  const unit = DATA.units[column];
  return unit && heading(column).endsWith(`, ${unit}`) ? heading(column).slice(0, -unit.length - 2) : heading(column);
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

// Where the axis of quality begins, so that the settings of interest have room: the twin of lowest_in_view in chart.py.
function lowestInView(all, answering) {
  if (state.zero) return -Infinity;
  const best = Math.max(...all.map((row) => row.quality));
  const least = Math.min(OF_INTEREST * best, ...answering.map((row) => row.quality));
  const inView = all.filter((row) => row.quality >= least).length;
  return inView < LEAST_IN_VIEW ? -Infinity : least;
}

// The ends of the axis of quality: twentieths or hundredths around what is in view, or from 0.
function qualityEnds(shown) {
  if (state.zero || !shown.length) return { min: 0 };
  const values = shown.map((row) => row.quality);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = 0.06 * (high - low || 0.1);
  const step = high - low > 0.1 ? 20 : 100;
  return { min: Math.max(Math.floor((low - room) * step) / step, 0), max: Math.ceil((high + 2 * room) * step) / step };
}

function markOf(row, scale) {
  const { shapes, sizes, looks } = DATA.marks;
  const [hasRim, opacity] = looks[nameOf("index", row.point)];
  return {
    value: [row.mean(state.x), row.quality],
    symbol: `path://${shapes[nameOf("quantization", row.point)]}`,
    symbolSize: sizes[nameOf("dims", row.point)] * scale,
    symbolKeepAspect: true,
    itemStyle: { color: colourOf(row.point), opacity, borderColor: colour(hasRim ? "text" : "card"), borderWidth: hasRim ? 1.5 : 0.5 },
  };
}

let marked = []; // the rows in the chart, from left to right
let walked = -1; // which of them the arrow keys have reached

function renderChart(left, total) {
  const displayed = cards(answers(left));
  const named = chartLabels(displayed, sentence(left).row);
  const has = left.filter((row) => !Number.isNaN(row.quality) && (state.log ? row.mean(state.x) > 0 : !Number.isNaN(row.mean(state.x))));
  const least = lowestInView(has, has.filter((row) => named.has(row.i)));
  marked = has.filter((row) => row.quality >= least).sort((a, b) => a.mean(state.x) - b.mean(state.x));
  walked = -1;
  const front = paretoFront(has, state.x);
  const best = bestOf(left);
  const isNarrow = document.getElementById("chart").clientWidth < 600;
  draw("chart", {
    grid: { left: 64, right: 24, top: 24, bottom: 56 },
    xAxis: state.log
      ? logAxis(heading(state.x), marked.map((row) => row.mean(state.x)), { nameGap: 32 })
      : axis(heading(state.x), { type: "value", scale: true, nameGap: 32 }),
    yAxis: axis(state.measure, { ...qualityEnds(marked), nameGap: 44 }),
    tooltip: {
      trigger: "item",
      confine: true,
      backgroundColor: colour("card"),
      borderColor: colour("line"),
      textStyle: { color: colour("text"), fontSize: 13 },
      formatter: ({ seriesIndex, dataIndex }) => (seriesIndex === 0 ? describe(marked[dataIndex], best) : ""),
    },
    series: [
      { name: "settings", type: "scatter", data: marked.map((row) => markOf(row, isNarrow ? 0.65 : 1)) },
      {
        name: "Pareto front",
        type: "line",
        step: DATA.higher_is_better.includes(state.x) ? "start" : "end",
        symbol: "none",
        silent: true,
        lineStyle: { color: colour("muted"), width: 1.5 },
        data: front.map((row) => [row.mean(state.x), row.quality]).sort((a, b) => a[0] - b[0]),
      },
      {
        name: "answers",
        type: "scatter",
        silent: true,
        symbol: "circle",
        symbolSize: isNarrow ? 22 : 30,
        itemStyle: { color: "transparent", borderColor: colour("accent"), borderWidth: 2.5 },
        data: marked.filter((row) => named.has(row.i)).map((row) => [row.mean(state.x), row.quality]),
      },
    ],
  });
  labelMarks(named, new Set(isNarrow ? [] : front.map((row) => row.i)));
  const below = has.length - marked.length;
  document.getElementById("chart-note").textContent =
    `${has.length} of ${total} settings, ${front.length} on the front` +
    (below ? `; ${below} of low quality are below the axis, which “from 0” shows` : "") +
    (total > has.length ? `; ${total - has.length} are left out by filters and limits, or have no ${headingWithoutUnit(state.x)}` : "");
}

// Arrow keys walk over the marks from left to right; what is reached is shown and spoken.
function walk(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step || !marked.length) return;
  event.preventDefault();
  walked = walked < 0 && step < 0 ? marked.length - 1 : (walked + step + marked.length) % marked.length;
  charts.chart.dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: walked });
  document.getElementById("chart-said").textContent = describe(marked[walked], bestOf(marked)).innerText;
}

// The pictures, in SVG: colours and themes are the style sheet's business. A chart is drawn as wide as it stands.

import { keepChildren, make, makeSVG, setAttributes, setText } from "./page-elements.js";
import { brief, count, duration, percent, tight } from "./page-format.js";
import { gap, span, states } from "./page-figures.js";

/** The next of 1, 2, 5, 10, 20, ... that is not below. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

/** How many minutes a chart shows: those that there are, at first. */
function minutesOf(points) {
  const length = points.length > 0 ? points.at(-1).time - points[0].time : 0;
  return [1, 2].find((minutes) => length <= minutes * 60_000) ?? span / 60_000;
}

/** Pieces of the points without gaps between them. */
function pieces(points) {
  const found = [];
  for (const point of points) {
    const last = found.at(-1)?.at(-1);
    if (!last || point.time - last.time > gap) found.push([]);
    found.at(-1).push(point);
  }
  return found;
}

/** A label's place and text; makes or refills the nth text of a group. */
function labels(group, list) {
  const elements = keepChildren(group, list.length, () => makeSVG("text"));
  list.forEach(({ x, y, text, anchor = "start", kind = "" }, index) => {
    setAttributes(elements[index], { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor, class: kind || null });
    setText(elements[index], text);
  });
}

const groups = (svg, ...names) => {
  if (svg.childElementCount === 0) svg.append(...names.map((name) => makeSVG("g", { class: name })));
  return svg.children;
};

const line = (x1, y1, x2, y2) => `M${x1.toFixed(1)},${y1.toFixed(1)}L${x2.toFixed(1)},${y2.toFixed(1)}`;

/**
 * Fibrils by state, stacked, over five minutes. `shown` is a set of states, `moment` an index of points, `last` the word
 * for the last moment. Returns where time stands in the picture.
 */
export function drawStates(svg, points, shown, moment, last) {
  const { clientWidth: width, clientHeight: height } = svg;
  if (width === 0) return;
  const left = 44, right = 8, top = 10, bottom = 22;
  const [areas, grid, texts, cursor] = groups(svg, "areas", "grid", "texts", "cursor");
  const list = states.map((state, index) => ({ state, index })).filter(({ state }) => shown.has(state));
  const sum = ({ live }) => list.reduce((sum, { index }) => sum + live[index], 0);
  const most = points.reduce((most, point) => Math.max(most, sum(point)), 0);
  const ceiling = roundUp(Math.max(most, 4));
  const end = points.at(-1)?.time ?? 0;
  const minutes = minutesOf(points);
  const x = (time) => width - right - ((end - time) / (minutes * 60_000)) * (width - left - right);
  const y = (value) => height - bottom - (value / ceiling) * (height - top - bottom);

  const inside = points.filter(({ time }) => time >= end - minutes * 60_000);
  const paths = keepChildren(areas, states.length * 2, () => makeSVG("path"));
  const floors = new Map(inside.map((point) => [point, 0]));
  states.forEach((state, index) => {
    let d = "";
    if (shown.has(state)) {
      for (const piece of pieces(inside)) {
        const below = piece.map((point) => `${x(point.time).toFixed(1)},${y(floors.get(point)).toFixed(1)}`);
        const above = piece.map((point) => {
          floors.set(point, floors.get(point) + point.live[index]);
          return `${x(point.time).toFixed(1)},${y(floors.get(point)).toFixed(1)}`;
        });
        d += `M${above.join("L")}L${below.reverse().join("L")}Z`;
      }
    }
    setAttributes(paths[index * 2], { d, class: `fill ${state}` });
    const isHatched = state === "runnable" || state === "unknown";
    setAttributes(paths[index * 2 + 1], { d: isHatched ? d : "", fill: isHatched ? `url(#hatch-${state})` : "none" });
  });

  const steps = [0, 0.5, 1];
  const wholeMinutes = width < 420 ? [300, 180, 60] : [300, 240, 180, 120, 60, 0];
  const ticks = { 1: [60, 30, 0], 2: [120, 60, 0] }[minutes] ?? wholeMinutes;
  const lines = keepChildren(grid, 1, () => makeSVG("path"));
  const level = (step) => y(step * ceiling);
  setAttributes(lines[0], { d: steps.map((step) => line(left, level(step), width - right, level(step))).join("") });
  labels(texts, [
    ...steps.map((step) => ({
      x: left - 6, y: level(step) + 4, text: brief(step * ceiling).replace(/\.0+(?=\D|$)/, ""), anchor: "end",
    })),
    ...ticks.map((back) => ({
      x: x(end - back * 1000), y: height - 5,
      text: back === 0 ? last : back < 60 ? `−${back} s` : `−${back / 60} min`,
      anchor: back === 0 ? "end" : back === ticks[0] ? "start" : "middle",
    })),
  ]);
  const at = points[moment];
  const marks = keepChildren(cursor, at ? 1 : 0, () => makeSVG("path"));
  if (at) setAttributes(marks[0], { d: line(x(at.time), top, x(at.time), height - bottom) });
  return { left, right, width, milliseconds: minutes * 60_000 };
}

/** A line of numbers over the last five minutes. */
export function drawSpark(svg, points, read) {
  const { clientWidth: width, clientHeight: height } = svg;
  if (width === 0) return;
  const end = points.at(-1)?.time ?? 0;
  const length = minutesOf(points) * 60_000;
  const inside = points.filter((point) => point.time >= end - length && Number.isFinite(read(point)));
  const most = inside.reduce((most, point) => Math.max(most, read(point)), 0);
  const x = (time) => width - 1 - ((end - time) / length) * (width - 2);
  const y = (value) => height - 2 - (most > 0 ? value / most : 0) * (height - 5);
  const d = pieces(inside).map((piece) =>
    `M${piece.map((point) => `${x(point.time).toFixed(1)},${y(read(point)).toFixed(1)}`).join("L")}`).join("");
  setAttributes(keepChildren(svg, 1, () => makeSVG("path"))[0], { d });
  setAttributes(svg, { "aria-hidden": "true" });
}

/**
 * A live histogram in its card: bars for the last seconds, an outline for all the time, both as shares of their own
 * count, and a table of the figures.
 */
export class Histogram {
  #low = Infinity;
  #high = -Infinity;

  constructor(parent, name) {
    this.name = name;
    this.svg = makeSVG("svg", { class: "chart histogram", role: "img" });
    this.seconds = make("th", { scope: "col", class: "number" });
    const heads = ["count", "p50", "p99", "max"].map((text) => make("th", { scope: "row" }, text));
    const cell = () => make("td", { class: "number" });
    this.rows = heads.map((head) => make("tr", {}, head, cell(), cell()));
    const corner = make("td");
    const whole = make("th", { scope: "col", class: "number" }, make("span", { class: "key all" }), "all the time");
    parent.append(this.svg, make("table", { class: "summary" },
      make("thead", {}, make("tr", {}, corner, this.seconds, whole)), make("tbody", {}, ...this.rows)));
    this.seconds.append(make("span", { class: "key latest" }), make("span"));
  }

  /** Other durations are shown from now on: the axis starts anew. */
  reset() {
    this.#low = Infinity;
    this.#high = -Infinity;
  }

  draw({ all, latest, seconds }, hasEnded) {
    const span = `${hasEnded ? "its " : ""}last ${seconds || 10} s`;
    setText(this.seconds.lastElementChild, span);
    const about = (ns) => (Number.isFinite(ns) ? `~${duration(ns)}` : "–");
    const whole = (share) => (all.exact && all.count > 0 ? duration(all.quantile(share)) : about(all.quantile(share)));
    const top = Math.max(...latest.buckets.keys());
    [
      [tight(latest.count, 1e10), tight(all.count, 1e10)],
      [about(latest.quantile(0.5)), whole(0.5)],
      [about(latest.quantile(0.99)), whole(0.99)],
      [latest.count > 0 ? `< ${duration(2 ** top)}` : "–", all.count > 0 ? duration(all.max) : "–"],
    ].forEach((texts, row) => texts.forEach((text, column) => setText(this.rows[row].cells[column + 1], text)));
    this.#drawBars(all, latest, span, hasEnded);
    setAttributes(this.svg, {
      "aria-label": `${this.name}, ${span}: ${count(latest.count)}, p50 ${about(latest.quantile(0.5))}, p99 ` +
        `${about(latest.quantile(0.99))}. All the time: ${count(all.count)}, p50 ${whole(0.5)}, p99 ${whole(0.99)}`,
    });
  }

  #drawBars(all, latest, span, hasEnded) {
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (width === 0) return;
    const powers = [...all.buckets.keys()];
    this.#low = Math.min(this.#low, ...powers);
    this.#high = Math.max(this.#high, ...powers);
    // At least 14 buckets, so that a few do not fill the picture; 1 to 16 µs where there are none.
    let [low, high] = powers.length > 0 ? [this.#low, this.#high] : [7, 20];
    while (high - low < 13) [low, high] = (high - low) % 2 === 0 || low <= 1 ? [low, high + 1] : [low - 1, high];
    const left = 4, right = 4, top = 34, bottom = 20;
    const step = (width - left - right) / (high - low + 1);
    const x = (power) => left + (power - low + 1) * step;
    const share = (histogram, power) => (histogram.buckets.get(power) ?? 0) / Math.max(histogram.count, 1);
    let most = 0.1;
    for (let power = low; power <= high; power += 1) most = Math.max(most, share(all, power), share(latest, power));
    const y = (value) => height - bottom - (value / most) * (height - top - bottom);

    const [bars, outline, grid, texts] = groups(this.svg, "bars", "outline", "grid", "texts");
    const rects = keepChildren(bars, high - low + 1, () => makeSVG("rect", {}, makeSVG("title")));
    let d = `M${left},${y(0).toFixed(1)}`;
    for (let power = low; power <= high; power += 1) {
      const rect = rects[power - low];
      const value = share(latest, power);
      setAttributes(rect, {
        x: (x(power - 1) + 1).toFixed(1), width: Math.max(1, step - 2).toFixed(1), rx: 1.5,
        y: y(value).toFixed(1), height: Math.max(0, y(0) - y(value)).toFixed(1),
      });
      const [some, whole] = [latest, all].map((histogram) => count(histogram.buckets.get(power) ?? 0));
      setText(rect.firstElementChild, `${duration(2 ** (power - 1))} to ${duration(2 ** power)}: ${percent(value)} of ` +
        `${hasEnded ? "" : "the "}${span} (${some}), ${percent(share(all, power))} of all (${whole})`);
      const level = y(share(all, power)).toFixed(1);
      d += `V${level}H${x(power).toFixed(1)}`;
    }
    setAttributes(keepChildren(outline, 1, () => makeSVG("path"))[0], { d: `${d}V${y(0).toFixed(1)}` });

    const isWide = step * Math.log2(10) > 50;
    const ticks = ["ns", "µs", "ms", "s"].flatMap((unit) => [1, 10, 100].map((value) => `${value} ${unit}`))
      .map((text, exponent) => ({ x: x(exponent * Math.log2(10)), text, exponent }))
      .filter(({ x, exponent }) => x > left + 16 && x < width - right - 16 && (isWide || exponent % 3 === 0));
    const marks = [["p50", latest.quantile(0.5), 12], ["p99", latest.quantile(0.99), 26]]
      .filter(([, ns]) => Number.isFinite(ns))
      .map(([name, ns, row]) => ({ x: x(Math.log2(ns)), y: row, text: `${name} ~${duration(ns)}` }));
    const lines = keepChildren(grid, 3, () => makeSVG("path"));
    setAttributes(lines[0], { class: "axis", d: line(left, y(0), width - right, y(0)) });
    setAttributes(lines[1], { class: "axis", d: ticks.map((tick) => line(tick.x, y(0), tick.x, y(0) + 4)).join("") });
    setAttributes(lines[2], { class: "mark", d: marks.map((mark) => line(mark.x, mark.y - 8, mark.x, y(0))).join("") });
    labels(texts, [
      ...ticks.map((tick) => ({ ...tick, y: height - 4, anchor: "middle" })),
      ...marks.map((mark) => {
        // Away from each other, unless the border is near.
        const anchor = mark.x > (mark.text.startsWith("p50") ? 100 : width - 100) ? "end" : "start";
        return { ...mark, x: mark.x + (anchor === "end" ? -5 : 5), anchor, kind: "strong" };
      }),
      ...(latest.count > 0 ? [] : [{
        x: width / 2, y: 20, text: `none in ${hasEnded ? "" : "the "}${span}`, anchor: "middle",
      }]),
    ]);
  }
}

// One process: tiles, charts and tables.

import { $, fillRows, fillSelect, foreign, make, setAttributes, setText } from "./page-elements.js";
import { brief, clock, count, duration, ending, percent, tight } from "./page-format.js";
import { entries, moving, number, states } from "./page-figures.js";
import { drawSpark, drawStates, Histogram } from "./page-charts.js";
import { fillTiles } from "./page-tiles.js";

const mostTasks = 64;
const mostWaits = 50;
const mostResults = 50;
const names = {
  events: "Events", submits: "Submits", switches: "Switches", blocks: "Blocks", wakes: "Wakes",
  completions: "Completions", sleeps: "Task sleeps",
};
const reasons = {
  call: "system call", wake_target: "wake target", join: "join", completions: "completions", sleep: "sleep",
  mutex: "mutex", semaphore: "semaphore", condition: "condition", send: "send", receive: "receive", other: "other",
};
const reasonName = (reason) => (Object.hasOwn(reasons, reason) ? reasons[reason] : foreign(reason));
const own = (object, name) => (object && Object.hasOwn(object, name) ? object[name] : undefined);

/** What a fibril of `slowest` waits for, in a word. */
function waitsFor(wait) {
  if (wait.state === "runnable") return "its turn";
  return (wait.reason === "call" || !wait.reason ? "" : reasonName(wait.reason)) || foreign(wait.call) || "–";
}

export class ProcessView {
  #shown = new Set(states);
  #moment = null;
  #trail = null;
  #key = null;
  #wait = new Histogram($("wait"), "Run-queue wait");
  #blocked = new Histogram($("blocked"), "Blocked time");
  #other = new Histogram($("other"), "Running");

  constructor() {
    this.#makeLegend();
    const redraw = () => this.#trail && this.#drawLatencies();
    $("blocked-of").addEventListener("change", () => (this.#blocked.reset(), redraw()));
    $("other-of").addEventListener("change", () => (this.#other.reset(), redraw()));
    const chart = $("states");
    chart.addEventListener("pointermove", (event) => this.#point(event));
    chart.addEventListener("pointerdown", (event) => this.#point(event));
    chart.addEventListener("pointerleave", () => this.#look(null));
    chart.addEventListener("blur", () => this.#look(null));
    chart.addEventListener("keydown", (event) => this.#step(event));
  }

  /**
   * `isPresent`: the last figures still have it. `isStale`: no others come. `time` is theirs, and `unix` the same
   * moment as a Date counts it.
   * `next`: key and process of a running one of the same name, if this one runs no longer.
   */
  draw(key, trail, { isPresent, isStale, time, unix, next }) {
    if (key !== this.#key) {
      this.#key = key;
      this.#moment = null;
      for (const histogram of [this.#wait, this.#blocked, this.#other]) histogram.reset();
    }
    this.#trail = trail;
    const day = (moment) => clock(new Date(unix - (time - moment)));
    this.#day = day;
    this.#drawHead(trail, isPresent, isStale, time, day);
    $("one-next").hidden = !next;
    if (next) {
      setAttributes($("one-next"), { href: `#process=${next[0]}` });
      setText($("one-next"), `${foreign(next[1].process.command)} runs again as ${number(next[1].process.pid)}`);
    }
    this.#drawTiles(trail);
    this.#drawStates();
    this.#drawLatencies();
    this.#drawTables(trail);
  }

  #day = () => "";

  #drawHead(trail, isPresent, isStale, time, day) {
    const process = trail.process;
    setText($("one-title"), `${foreign(process.command) || "?"} ${number(process.pid)}`);
    let standing = isPresent ? trail.standing(time) : "forgotten";
    if (isStale && standing !== "ended" && standing !== "forgotten") standing = "unknown";
    const at = trail.endedAt === null ? "" : `, seen at ${day(trail.endedAt)}`;
    const texts = {
      forgotten: "Not in the figures any more: it ended and was forgotten. These are its last ones",
      ended: () => `${ending(foreign(process.ended), process.status)}${at}. These are its last figures`,
      silent: () =>
        `Followed, but silent since ${day(trail.lastEvent)}: no fibril switches, blocks or wakes. A dump shows why`,
      unknown: () => `Not known: figures came until ${day(time)}`,
      new: "Followed; nothing has happened in it yet",
      followed: "Followed",
    };
    const text = texts[standing];
    setAttributes($("one-state"), { "data-state": standing });
    setText($("one-note"), typeof text === "string" ? text : text());
    setText($("one-facts"), `${foreign(process.executable)} · figures of ${duration(number(process.duration_ns))}`);
  }

  #drawTiles(trail) {
    const process = trail.process;
    const wait = trail.latency((process) => [process.run_queue_wait]);
    const p99 = wait.latest.quantile(0.99);
    const errors = trail.errorRate();
    const lost = number(process.counts?.lost);
    const longest = trail.longestWait;
    const busiest = process.ended ? 0 : trail.busiest;
    fillTiles($("one-tiles"), [
      ["Fibrils", tight(trail.alive), `${tight(number(process.live?.runnable))} runnable`],
      ["Busiest task", percent(busiest), "of its time", busiest >= 0.9 ? "high" : ""],
      ["Run-queue wait", Number.isFinite(p99) ? `~${duration(p99)}` : "–", `p99 of ${wait.seconds || 10} s`],
      ["Longest wait", longest ? duration(number(longest.age_ns)) : "–", longest ? waitsFor(longest) : "now"],
      ["Switches", brief(trail.countRate("switches")), "a second"],
      ["Wakes", brief(trail.countRate("wakes")), "a second"],
      ["Completions", brief(trail.countRate("completions")), "a second"],
      ["Errors", brief(errors), "a second", errors > 0 ? "high" : ""],
      ["Lost", tight(lost), "records", lost > 0 ? "bad" : ""],
    ]);
  }

  #makeLegend() {
    for (const state of states) {
      const box = make("input", { type: "checkbox" });
      box.checked = true;
      box.addEventListener("change", () => {
        if (box.checked) this.#shown.add(state);
        else this.#shown.delete(state);
        if (this.#trail) this.#drawStates();
      });
      $("states-legend").append(
        make("label", {}, box, make("span", { class: `key ${state}`, "aria-hidden": "true" }), `${state} `,
          make("b", {}, "–")));
    }
  }

  #drawStates() {
    const points = this.#trail.points;
    const index = this.#moment === null ? -1 : points.findLastIndex(({ time }) => time <= this.#moment);
    const point = points[index] ?? points.at(-1);
    const last = this.#trail.process.ended ? "end" : "now";
    this.frame = drawStates($("states"), points, this.#shown, index, last);
    const figures = point ? point.live : states.map(() => NaN);
    $("states-legend").querySelectorAll("b").forEach((element, state) => setText(element, tight(figures[state])));
    const back = point ? Math.round((point.time - this.#trail.time) / 1000) : 0;
    const when = index < 0 || back === 0 ? last : `${this.#day(point.time)}, ${-back} s before`;
    setText($("states-moment"), when);
    const text = states.map((state, place) => `${state} ${count(figures[place])}`).join(", ");
    setAttributes($("states"), { "aria-valuenow": back, "aria-valuetext": `${when}: ${text}` });
  }

  #look(moment) {
    if (this.#moment === moment || !this.#trail) return;
    this.#moment = moment;
    this.#drawStates();
  }

  #point(event) {
    if (!this.frame || !this.#trail) return;
    const { left, right, width, milliseconds } = this.frame;
    const share = (event.offsetX - left) / (width - left - right);
    this.#look(this.#trail.time - (1 - Math.min(1, Math.max(0, share))) * milliseconds + 500);
  }

  #step(event) {
    const steps = {
      ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -1e9, End: 1e9,
    };
    const step = steps[event.key];
    const points = this.#trail?.points ?? [];
    if (step === undefined || points.length === 0) return;
    event.preventDefault();
    const from = this.#moment === null ? points.length - 1 : points.findLastIndex(({ time }) => time <= this.#moment);
    this.#look(points[Math.min(points.length - 1, Math.max(0, from + step))].time);
  }

  #drawLatencies() {
    const trail = this.#trail;
    const process = trail.process;
    const hasEnded = Boolean(process.ended);
    this.#wait.draw(trail.latency((process) => [process.run_queue_wait]), hasEnded);

    const options = (list, kind, name) => list.map(([key]) => [`${kind}:${key}`, name(key)]);
    const byReason = entries(process.blocked);
    const byCall = entries(process.calls);
    fillSelect($("blocked-of"), [
      ["", "all reasons"],
      ...(byReason.length > 0 ? [{ label: "By reason", options: options(byReason, "blocked", reasonName) }] : []),
      ...(byCall.length > 0 ? [{ label: "By system call", options: options(byCall, "calls", foreign) }] : []),
    ]);
    const [, kind, key] = /^(blocked|calls):(.*)$/s.exec($("blocked-of").value) ?? [];
    this.#blocked.draw(trail.latency((process) =>
      kind ? [own(process[kind], key)] : entries(process.blocked).map(([, latency]) => latency)), hasEnded);

    const other = $("other-of").value;
    this.#other.draw(trail.latency((process) =>
      [other === "running" ? process.running : process.lifetime?.[other]]), hasEnded);
  }

  #drawTables(trail) {
    const process = trail.process;
    const tasks = Array.isArray(process.tasks) ? process.tasks : [];
    const busiest = tasks.length > mostTasks
      ? tasks.toSorted((a, b) => number(b.load) - number(a.load)).slice(0, mostTasks) : tasks;
    const part = tasks.length > mostTasks ? `the ${mostTasks} busiest of ` : "";
    setText($("tasks-facts"), `${part}${count(tasks.length)}`);
    fillRows($("task-rows"), busiest.map((task) => {
      const load = process.ended ? 0 : number(task.load);
      return [
        { text: String(number(task.task)), title: `thread ${number(task.thread)}` },
        { text: percent(load), bar: load, class: load >= 0.9 ? "high" : "" },
        { text: count(number(task.fibrils)), number: true },
        { text: count(number(task.runnable)), number: true },
      ];
    }), "No task");

    const slowest = Array.isArray(process.slowest) ? process.slowest.slice(0, mostWaits) : [];
    fillRows($("slowest-rows"), slowest.map((wait) => [
      { text: foreign(wait.name) || "–", title: foreign(wait.name) },
      { text: duration(number(wait.age_ns)), number: true },
      { text: waitsFor(wait) },
      { text: foreign(wait.state) },
      { text: String(number(wait.fibril)), number: true },
      { text: String(number(wait.task)), number: true },
    ]), process.ended ? "None: the process has ended" : "None: no fibril waits");

    const blocked = entries(process.blocked_now).filter(([, now]) => number(now?.count) > 0)
      .sort((a, b) => number(b[1].count) - number(a[1].count));
    const most = number(blocked[0]?.[1].count) || 1;
    fillRows($("reason-rows"), blocked.map(([reason, now]) => [
      { text: reasonName(reason) },
      { text: count(number(now.count)), bar: number(now.count) / most, class: "plain" },
      { text: duration(number(now.oldest_ns)), number: true },
    ]), "None is blocked");

    fillRows($("rate-rows"), [
      ...moving.map((name, index) => [
        { text: names[name] },
        { draw: (svg) => drawSpark(svg, trail.points, (point) => point.rates[index]) },
        { text: brief(trail.countRate(name)), number: true },
        { text: count(number(process.counts?.[name])), number: true },
      ]),
      [
        { text: "Errors" },
        { draw: (svg) => drawSpark(svg, trail.points, (point) => point.errors) },
        { text: brief(trail.errorRate()), number: true },
        { text: count(trail.errors), number: true },
      ],
    ]);

    const results = entries(process.results).filter(([, value]) => number(value) > 0)
      .sort((a, b) => Number(b[0] === "ok") - Number(a[0] === "ok") || number(b[1]) - number(a[1]))
      .slice(0, mostResults);
    fillRows($("result-rows"), results.map(([result, value]) => [
      { text: foreign(result), class: result === "ok" ? "" : "notable" },
      { text: brief(trail.rate((process) => own(process.results, result))), number: true },
      { text: count(number(value)), number: true },
    ]), "None yet");
  }
}

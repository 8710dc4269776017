// The live page of `fibril serve`: takes the figures as they come and draws the view that is chosen.

import { $, fillSelect, foreign, setAttributes, setText } from "./page-elements.js";
import { brief, bytes, clock, count, percent, tight } from "./page-format.js";
import { isSendable, setToken } from "./page-access.js";
import { DumpDialog } from "./page-dump.js";
import { History, number } from "./page-figures.js";
import { drawOverview } from "./page-overview.js";
import { ProcessView } from "./page-process.js";
import { Stream } from "./page-stream.js";

const mostOptions = 200;
const history = new History();
const view = new ProcessView();
const dialog = new DumpDialog((error) => askForToken(error));
const stream = new Stream(take, tell);
/** The key of the process that is shown; "" for all; null until somebody or the first figures decide. */
let chosen = chosenByAddress();
let connection = { kind: "connecting", since: new Date(), why: "" };
/** When the reader stopped the picture, or null. */
let heldAt = null;

function chosenByAddress() {
  const found = /^#process=(\d{1,10}(?:-\d{1,4})?)$/.exec(location.hash);
  return found ? found[1] : location.hash === "#all" ? "" : null;
}

/** New figures. */
function take(figures) {
  history.add(figures, chosen);
  if (heldAt === null) draw();
  else drawStrip();
}

function draw() {
  if (document.hidden) return;
  if (history.figures === null) {
    $("nothing").hidden = connection.kind === "connecting";
    setText($("nothing").querySelector("h1"), "No figures yet");
    setText($("nothing-why"), "The tracer gave none so far. The line above says why; the page tries again by itself.");
    return;
  }
  // With a single process there is nothing to choose from.
  if (chosen === null && history.present.size > 0) chosen = history.present.size === 1 ? [...history.present][0] : "";
  drawStrip();
  drawChoice();
  const key = chosen ?? "";
  const trail = history.trails.get(key);
  const isStale = connection.kind === "gone" || connection.kind === "stopped";
  const hasNone = history.present.size === 0 && !trail;
  $("token-form").hidden = true;
  $("nothing").hidden = !(hasNone || (key !== "" && !trail));
  setText($("nothing").querySelector("h1"), key !== "" && !hasNone ? "No such process" : "Nothing to follow yet");
  setText($("nothing-why"), key !== "" && !hasNone
    ? `Process ${key} is not followed: it may have ended long ago, or runs no fibrils. Choose another one above.`
    : "The tracer follows no process. One that runs fibrils appears here as soon as it is seen.");
  $("overview").hidden = hasNone || key !== "";
  $("one").hidden = !trail;
  $("dump").disabled = !trail || Boolean(trail.process.ended) || !history.present.has(key) || isStale;
  $("dump").title = $("dump").disabled ? (isStale ? "The tracer is gone" : "Choose a process that runs") : "";
  if (trail) {
    const unix = number(history.figures.unix_time) * 1000;
    const isPresent = history.present.has(key);
    const { command, ended } = trail.process;
    const isNext = ([, { process }]) => process.command === command && !process.ended && process !== trail.process;
    const next = ended || !isPresent ? [...history.trails].find(isNext) : null;
    view.draw(key, trail, { isPresent, isStale, time: history.time, unix, next });
  } else if (!hasNone && key === "") {
    drawOverview(history, isStale);
  }
  drawTitle();
}

/** What the tracer costs and loses. */
function drawStrip() {
  const tracer = history.figures.tracer ?? {};
  const lost = number(tracer.lost);
  setText($("version"), foreign(history.figures.version));
  setText($("lost"), `${tight(lost, 1e9)} lost of ${brief(number(tracer.events))}`);
  setAttributes($("lost"), { class: lost > 0 ? "bad" : null });
  setText($("cpu"), `tracer ${percent(history.cpu)} CPU`);
  setText($("memory"), bytes(number(tracer.resident_bytes)));
}

function drawChoice() {
  const live = [...history.trails].filter(([key]) => history.present.has(key) || key === chosen);
  const list = live.slice(0, mostOptions);
  if (chosen && !list.some(([key]) => key === chosen) && history.trails.has(chosen)) {
    list.push([chosen, history.trails.get(chosen)]);
  }
  const options = list.map(([key, { process }]) => [
    key, `${foreign(process.command) || "?"} ${number(process.pid)}${process.ended ? " (ended)" : ""}`]);
  options.sort((a, b) => a[1].localeCompare(b[1], "en", { numeric: true }));
  if (live.length > list.length) options.push(["", `and ${count(live.length - list.length)} more: see all`]);
  if (chosen && !history.trails.has(chosen)) options.push([chosen, `${chosen} (not followed)`]);
  fillSelect($("process"), [["", `All processes (${count(history.present.size)})`], ...options]);
  if ($("process").value !== (chosen ?? "")) $("process").value = chosen ?? "";
}

function drawTitle() {
  const trail = history.trails.get(chosen ?? "");
  const name = trail ? `${foreign(trail.process.command)} ${number(trail.process.pid)}` : "All processes";
  const marks = { gone: "Gone: ", stopped: "Stopped: ", quiet: "Silent: " };
  const mark = marks[connection.kind] ?? (trail?.process.ended ? "Ended: " : "");
  document.title = `${mark}${name} – Fibril`;
}

/** A change of the connection. The words name moments, not ages, so that they are read out once. */
function tell(state) {
  const since = clock(state.since);
  const last = history.figures === null ? "" : ". The figures below are older";
  const before = state.before;
  const wasAway = before && before.kind !== "connecting" && before.kind !== "token";
  const texts = {
    connecting: "Connecting",
    live: wasAway ? `Live again since ${since}, after silence since ${clock(before.since)}` : "Live",
    quiet: `No figures since ${since}: the tracer or the network is slow`,
    gone: `Tracer gone since ${since}: ${foreign(state.why)}${last}`,
    stopped: `Tracer stopped at ${since}${state.why ? `: ${foreign(state.why)}` : ""}${last}`,
    token: "Waiting for the token",
  };
  connection = state;
  setAttributes($("strip"), { "data-state": state.kind });
  setAttributes($("main"), { class: ["gone", "stopped", "quiet"].includes(state.kind) ? "stale" : null });
  setText($("connection"), texts[state.kind]);
  $("retry-now").hidden = !state.retryAt;
  countDown();
  if (state.kind === "token") askForToken(state);
  else draw();
  drawTitle();
  if (wasAway && state.kind === "live") {
    setTimeout(() => connection === state && setText($("connection"), `Live since ${since}`), 30_000);
  }
}

/** The seconds until the next try, beside the announced words and not read out. */
function countDown() {
  const left = connection.retryAt ? Math.max(0, Math.ceil((connection.retryAt - Date.now()) / 1000)) : null;
  setText($("retry"), left === null ? "" : left > 0 ? `next try in ${left} s` : "trying");
}

function askForToken({ refused }) {
  for (const id of ["overview", "one", "nothing"]) $(id).hidden = true;
  if ($("token-form").hidden) {
    $("token-form").hidden = false;
    $("token").focus();
  }
  if (refused) setText($("token-why"), "The server refuses this token: it is not the one in its token file.");
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("token").value.trim();
  if (!isSendable(text)) {
    setText($("token-why"), "A token is made of letters, digits and signs of ASCII, without blanks.");
    return;
  }
  setToken(text);
  $("token").value = "";
  stream.tryNow();
});

function choose(key, isNew) {
  chosen = key;
  if (isNew) window.history.pushState(null, "", key === "" ? "#all" : `#process=${key}`);
  draw();
}

$("process").addEventListener("change", () => choose($("process").value, true));
window.addEventListener("hashchange", () => choose(chosenByAddress(), false));
// Without touching the address, which names the process.
$("skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("main").focus();
});
$("filter").addEventListener("input", draw);
$("sort").addEventListener("change", draw);
$("dump").addEventListener("click", () => {
  const trail = history.trails.get(chosen ?? "");
  if (trail) dialog.open(number(trail.process.pid), foreign(trail.process.command));
});
$("hold").addEventListener("click", () => {
  heldAt = heldAt === null ? new Date() : null;
  setAttributes($("hold"), { "aria-pressed": String(heldAt !== null) });
  setText($("hold"), heldAt === null ? "Hold" : `Held at ${clock(heldAt)}`);
  draw();
});
$("retry-now").addEventListener("click", () => stream.tryNow());
window.addEventListener("online", () => connection.kind !== "live" && connection.kind !== "token" && stream.tryNow());
document.addEventListener("visibilitychange", () => heldAt === null && draw());
new ResizeObserver(() => draw()).observe($("main"));
setInterval(countDown, 500);
stream.run();

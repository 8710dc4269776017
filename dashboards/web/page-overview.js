// All processes at once: totals, and a table that is sorted and cut, for there may be thousands.

import { $, fillRows, foreign, setText } from "./page-elements.js";
import { brief, count, duration, ending, percent } from "./page-format.js";
import { number } from "./page-figures.js";
import { fillTiles } from "./page-tiles.js";

const shown = 100;

const orders = {
  load: (row) => row.busiest,
  wait: (row) => row.wait,
  switches: (row) => row.switches,
  alive: (row) => row.alive,
  longest: (row) => row.longest,
  lost: (row) => row.lost,
};

function rowOf(key, trail) {
  const process = trail.process;
  return {
    key, trail, process,
    name: foreign(process.command) || "?",
    pid: number(process.pid),
    alive: trail.alive,
    busiest: process.ended ? 0 : trail.busiest,
    switches: trail.countRate("switches"),
    wait: trail.latency((process) => [process.run_queue_wait]).latest.quantile(0.99),
    longest: number(trail.longestWait?.age_ns),
    lost: number(process.counts?.lost),
  };
}

const words = { ended: "ended", silent: "silent", new: "no events yet", followed: "followed" };

/** `isStale`: these are the last figures, and no others come. */
export function drawOverview(history, isStale) {
  const all = [...history.trails].filter(([key]) => history.present.has(key)).map(([key, trail]) => rowOf(key, trail));
  const live = all.filter(({ process }) => !process.ended);
  setText($("overview-facts"), `${count(live.length)} followed, ${count(all.length - live.length)} ended`);

  const sum = (list, read) => list.reduce((sum, row) => sum + (Number.isFinite(read(row)) ? read(row) : 0), 0);
  const rate = (name) => sum(live, ({ trail }) => trail.countRate(name));
  fillTiles($("overview-tiles"), [
    ["Fibrils", brief(sum(live, ({ alive }) => alive)), "in all processes"],
    ["Busiest task", percent(live.reduce((most, { busiest }) => Math.max(most, busiest), 0)), "of any process"],
    ["Switches", brief(rate("switches")), "a second"],
    ["Completions", brief(rate("completions")), "a second"],
    ["Errors", brief(sum(live, ({ trail }) => trail.errorRate())), "a second"],
    ["Longest wait", duration(live.reduce((most, { longest }) => Math.max(most, longest), 0)), "of any fibril"],
  ]);

  const wanted = $("filter").value.trim().toLowerCase();
  const matching = all.filter(({ name, pid }) =>
    wanted === "" || name.toLowerCase().includes(wanted) || String(pid).startsWith(wanted));
  const order = orders[$("sort").value];
  const rank = (row) => (Number.isFinite(order?.(row)) ? order(row) : -1);
  matching.sort((a, b) => rank(b) - rank(a) || a.name.localeCompare(b.name) || a.pid - b.pid);

  fillRows($("process-rows"), matching.slice(0, shown).map((row) => {
    const standing = row.trail.standing(history.time);
    return [
      { text: row.name, href: `#process=${row.key}`, title: foreign(row.process.executable) },
      { text: String(row.pid), number: true },
      {
        text: standing === "ended"
          ? ending(foreign(row.process.ended), row.process.status) : isStale ? "not known" : words[standing],
        class: standing === "followed" ? "" : "notable",
      },
      { text: count(row.alive), number: true },
      { text: percent(row.busiest), bar: row.busiest, class: row.busiest >= 0.9 ? "high" : "" },
      { text: brief(row.switches), number: true },
      { text: Number.isFinite(row.wait) ? `~${duration(row.wait)}` : "–", number: true },
      { text: row.longest > 0 ? duration(row.longest) : "–", number: true },
      { text: count(row.lost), number: true, class: row.lost > 0 ? "bad" : "" },
    ];
  }), wanted === "" ? "No process" : "No process has such a name or PID");
  setText($("overview-note"), matching.length > shown
    ? `${shown} of ${count(matching.length)} are shown: sort or narrow down to see others` : "");
}

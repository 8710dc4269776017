// What the page knows: the last figures of every process, five minutes of what moves, and what follows from both.
// The figures are those of docs/metrics.md; a missing one counts as 0.

export const states = ["running", "runnable", "blocked", "pending", "unknown"];
export const moving = ["events", "submits", "switches", "blocks", "wakes", "completions", "sleeps"];
/** Milliseconds: how far back charts go, over which time "now" is taken, and how long silence is worth a word. */
export const span = 300_000;
export const recently = 10_000;
const now = 2000;
const silence = 10_000;
/** A longer step between two figures is a gap: nobody knows what was in it. */
export const gap = 3500;
/** So many processes have charts from when they appeared; the others from when they are first looked at. */
const charted = 100;

/** A number of the figures: finite and not negative, else 0. */
export function number(value) {
  return Number.isFinite(value) && value > 0 ? value : 0;
}

/** The entries of an object of the figures, or none. */
export function entries(value) {
  return value !== null && typeof value === "object" ? Object.entries(value) : [];
}

const counts = (process) => process.counts ?? {};
const errorsOf = (process) =>
  entries(process.results).reduce((sum, [result, count]) => sum + (result === "ok" ? 0 : number(count)), 0);

/** A latency histogram: what JSON calls LATENCY, or the difference or sum of some. */
export class Latency {
  constructor(buckets = new Map()) {
    this.buckets = buckets;
    this.count = 0;
    for (const count of buckets.values()) this.count += count;
  }

  static of(...latencies) {
    const buckets = new Map();
    for (const latency of latencies) {
      for (const [end, count] of Array.isArray(latency?.buckets) ? latency.buckets : []) {
        const power = Math.round(Math.log2(number(end) || 1));
        buckets.set(power, (buckets.get(power) ?? 0) + number(count));
      }
    }
    const sum = new Latency(buckets);
    sum.max = latencies.reduce((most, latency) => Math.max(most, number(latency?.max_ns)), 0);
    if (latencies.length === 1) sum.exact = latencies[0];
    return sum;
  }

  /** What came since `earlier`. */
  since(earlier) {
    const buckets = new Map();
    for (const [power, count] of this.buckets) {
      const more = count - (earlier.buckets.get(power) ?? 0);
      if (more > 0) buckets.set(power, more);
    }
    return new Latency(buckets);
  }

  /** In nanoseconds, or NaN without any: as the tracer says it, else read off the buckets. */
  quantile(share) {
    const told = this.exact?.[`p${Math.round(share * 100)}_ns`];
    if (this.count > 0 && Number.isFinite(told)) return told;
    let rank = share * this.count;
    for (const [power, count] of [...this.buckets].sort((a, b) => a[0] - b[0])) {
      if (rank <= count) return 2 ** (power - 1 + rank / count);
      rank -= count;
    }
    return NaN;
  }
}

/** One process over time. */
export class Trail {
  /** Of the last seconds: {time, process}, the whole figures. */
  recent = [];
  /** Of the last minutes: {time, live, rates, errors}, as numbers a state and a second. */
  points = [];
  /** When events last came and when its end was first seen, in the figures' time; null: not known. */
  lastEvent = null;
  endedAt = null;

  add(process, time, keeps) {
    const before = this.recent.at(-1);
    if (before && isAnew(before.process, process)) {
      this.recent = [];
      this.points = [];
      this.lastEvent = this.endedAt = null;
    }
    const last = this.recent.at(-1);
    if (process.ended && last && !last.process.ended) this.endedAt = time;
    if (!last || number(counts(process).events) > number(counts(last.process).events)) this.lastEvent = time;
    const isOver = Boolean(process.ended && last?.process.ended);
    this.process = process;
    if (isOver) return;
    this.recent.push({ time, process });
    while (this.recent.length > 2 && (!keeps || this.recent[1].time <= time - recently)) this.recent.shift();
    if (!keeps) return;
    const seconds = last ? (time - last.time) / 1000 : 0;
    const rate = (value, earlier) => (seconds > 0 ? Math.max(0, number(value) - number(earlier)) / seconds : NaN);
    this.points.push({
      time,
      live: states.map((state) => number(process.live?.[state])),
      rates: moving.map((name) => rate(counts(process)[name], last && counts(last.process)[name])),
      errors: rate(errorsOf(process), last && errorsOf(last.process)),
    });
    while (this.points[0].time < time - span - 2000) this.points.shift();
  }

  /** The figures' time of the last ones. */
  get time() {
    return this.recent.at(-1).time;
  }

  /** A second, over the last two seconds or so, of a number of the process; NaN when that cannot be told. */
  rate(read) {
    const last = this.recent.at(-1);
    const from = this.recent.findLast(({ time }) => time <= last.time - now) ?? this.recent[0];
    if (this.process.ended || from === last) return this.process.ended ? 0 : NaN;
    return Math.max(0, number(read(this.process)) - number(read(from.process))) / ((last.time - from.time) / 1000);
  }

  countRate(name) {
    return this.rate((process) => counts(process)[name]);
  }

  errorRate() {
    return this.rate(errorsOf);
  }

  get errors() {
    return errorsOf(this.process);
  }

  /** A histogram of the last ten seconds or so (before its end), that of all the time, and the seconds of the first. */
  latency(read) {
    const all = Latency.of(...read(this.process));
    const from = this.recent[0];
    const latest = all.since(Latency.of(...read(from.process)));
    return { all, latest, seconds: Math.floor((this.time - from.time) / 1000 + 0.1) };
  }

  /** "ended", "silent", "new" (nothing came yet) or "followed". */
  standing(time) {
    if (this.process.ended) return "ended";
    if (number(counts(this.process).events) === 0) return "new";
    return this.lastEvent !== null && time - this.lastEvent >= silence ? "silent" : "followed";
  }

  get alive() {
    return states.reduce((sum, state) => sum + number(this.process.live?.[state]), 0);
  }

  get busiest() {
    const tasks = Array.isArray(this.process.tasks) ? this.process.tasks : [];
    return tasks.reduce((most, task) => Math.max(most, number(task.load)), 0);
  }

  /** The first of `slowest`, or null. */
  get longestWait() {
    const slowest = this.process.ended ? null : this.process.slowest;
    return (Array.isArray(slowest) ? slowest[0] : null) ?? null;
  }
}

/** Whether a process of the same id is another one, or is counted from the start again. */
function isAnew(before, process) {
  return (
    before.executable !== process.executable ||
    (before.ended && !process.ended) ||
    number(process.duration_ns) < number(before.duration_ns) ||
    moving.some((name) => number(counts(process)[name]) < number(counts(before)[name]))
  );
}

/** All processes, by key: the id, with a letter behind it where several ended ones had the same. */
export class History {
  trails = new Map();
  figures = null;
  /** The figures' time in milliseconds, and what the tracer itself takes of a processor: 0 to 1 and above. */
  time = 0;
  cpu = NaN;

  add(figures, chosen) {
    const time = number(figures.time_ns) / 1e6;
    if (time < this.time) this.trails.clear();
    const before = this.figures;
    const seconds = (time - this.time) / 1000;
    if (before && seconds > 0) {
      const spent = number(figures.tracer?.cpu_seconds) - number(before.tracer?.cpu_seconds);
      this.cpu = spent >= 0 ? spent / seconds : NaN;
    }
    this.figures = figures;
    this.time = time;
    const seen = new Set();
    const processes = Array.isArray(figures.processes) ? figures.processes : [];
    // The one that lives has the bare id.
    const sorted = processes.toSorted((a, b) => Number(Boolean(a.ended)) - Number(Boolean(b.ended)));
    for (const process of sorted) {
      const id = String(number(process.pid));
      let key = id;
      for (let copy = 2; seen.has(key); copy += 1) key = `${id}-${copy}`;
      seen.add(key);
      const trail = this.trails.get(key) ?? new Trail();
      this.trails.set(key, trail);
      trail.add(process, time, seen.size <= charted || key === chosen);
    }
    for (const key of this.trails.keys()) {
      // The one that is looked at stays, with the last that was known.
      if (!seen.has(key) && key !== chosen) this.trails.delete(key);
    }
    this.present = seen;
  }
}

// Numbers as people read them. Everything takes any value: what is not a number is shown as a dash.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** Three significant digits, without an exponent: 0.123, 1.23, 12.3, 123. */
function short(value) {
  if (value === 0) return "0";
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : value >= 0.9995 ? 2 : 3;
  return value.toFixed(digits);
}

/** A count, exact. */
export function count(value) {
  return Number.isFinite(value) ? grouped.format(value) : "–";
}

/** A count or rate in at most five characters and a letter: 950, 12.3k, 4.56M. */
export function brief(value) {
  if (!Number.isFinite(value)) return "–";
  for (const [unit, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (value >= unit * 0.99995) return short(value / unit) + letter;
  }
  return Number.isInteger(value) ? String(value) : value >= 99.95 ? value.toFixed(0) : value.toFixed(1);
}

/** A count where room is short: exact below the limit. */
export function tight(value, limit = 1e6) {
  return value < limit ? count(value) : brief(value);
}

/** A duration in nanoseconds. */
export function duration(ns) {
  if (!Number.isFinite(ns)) return "–";
  if (ns < 999.5) return `${Math.round(ns)} ns`;
  if (ns < 999_500) return `${short(ns / 1e3)} µs`;
  if (ns < 999_500_000) return `${short(ns / 1e6)} ms`;
  const seconds = ns / 1e9;
  if (seconds < 60) return `${short(seconds)} s`;
  const whole = Math.floor(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

export function bytes(value) {
  if (!Number.isFinite(value)) return "–";
  for (const [unit, name] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (value >= unit) return `${short(value / unit)} ${name}`;
  }
  return `${value} bytes`;
}

/** A share: 0 to 1, or more where it is of a processor. */
export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  const value = share * 100;
  return `${value > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)} %`;
}

/** The time of day of a Date, as the reader's clock shows it. */
export function clock(date) {
  return date.toLocaleTimeString("en-GB");
}

/** What a process's end was, by the name the figures give it and the status of wait(2). */
export function ending(ended, status) {
  if (ended === "executed") return "Replaced itself by another program (exec)";
  if (ended !== "exited") return `Ended: ${ended}`;
  if (!Number.isInteger(status)) return "Exited";
  const signal = status & 0x7f;
  if (signal !== 0) return `Killed by signal ${signal}${status & 0x80 ? ", with a core file" : ""}`;
  return `Exited with status ${(status >> 8) & 0xff}`;
}

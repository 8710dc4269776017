// The figures as they come: server-sent events, read through fetch because EventSource cannot send a token.

import { request, TokenWanted } from "./page-access.js";

/** Characters of one event; a longer one is no figures of ours. */
const limit = 64 << 20;
const quietAfter = 4000;
const goneAfter = 12_000;
const delays = [1000, 2000, 4000, 8000, 15_000];

/** The events of a body: {type, data}. */
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let type = "";
  let data = [];
  let pieces = [];
  let length = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = value.split("\n");
    const rest = lines.pop();
    for (const end of lines) {
      const line = (pieces.join("") + end).replace(/\r$/, "");
      pieces = [];
      if (line === "") {
        if (data.length > 0) yield { type: type || "message", data: data.join("\n") };
        type = "";
        data = [];
        length = 0;
      } else if (line.startsWith("event:")) {
        type = line.slice(6).trim();
      } else if (line.startsWith("data:")) {
        data.push(line.slice(5).replace(/^ /, ""));
      }
    }
    pieces.push(rest);
    length += value.length;
    if (length > limit) throw new Error("the server sends an event that does not end");
  }
}

/** An event's data, which is an object. */
function parse(data) {
  let value = null;
  try {
    value = JSON.parse(data);
  } catch {
    // What is wrong with it helps nobody.
  }
  if (value === null || typeof value !== "object") throw new Error("what it sends are no figures");
  return value;
}

/**
 * Follows the server for as long as the page lives. `onFigures` gets each event's figures. `onState` gets
 * {kind, since, why, retryAt}: kind is "connecting", "live", "quiet" (connected, but nothing comes), "gone", "stopped"
 * (it said so before it went), or "token". `since` and `retryAt` are Dates; `since` stays while it is gone.
 */
export class Stream {
  #state = { kind: "connecting", since: new Date(), why: "" };
  #failures = 0;
  #resume = () => {};

  constructor(onFigures, onState) {
    this.onFigures = onFigures;
    this.onState = onState;
  }

  /** Does not wait any longer before it tries again. */
  tryNow() {
    this.#failures = 0;
    this.#resume();
  }

  async run() {
    for (;;) {
      const stop = await this.#follow();
      const isGone = this.#state.kind === "gone" || this.#state.kind === "stopped";
      const since = isGone ? this.#state.since : new Date();
      if (stop.token) {
        this.#tell({ kind: "token", since, why: stop.why, refused: stop.refused });
        await new Promise((resume) => (this.#resume = resume));
        continue;
      }
      const delay = delays[Math.min(this.#failures, delays.length - 1)] * (0.8 + 0.4 * Math.random());
      this.#failures += 1;
      const kind = stop.ending || (isGone && this.#state.kind === "stopped") ? "stopped" : "gone";
      const why = stop.ending ? stop.why : isGone ? this.#state.why : stop.why;
      this.#tell({ kind, since, why, retryAt: new Date(Date.now() + delay) });
      let timer = 0;
      await new Promise((resume) => {
        this.#resume = resume;
        timer = setTimeout(resume, delay);
      });
      clearTimeout(timer);
    }
  }

  /** One connection, from its first to its last event; says why it ended. */
  async #follow() {
    const control = new AbortController();
    let last = performance.now();
    const watch = setInterval(() => {
      const silence = performance.now() - last;
      if (silence > goneAfter) {
        control.abort();
      } else if (silence > quietAfter && this.#state.kind === "live") {
        this.#tell({ kind: "quiet", since: new Date(Date.now() - silence), why: "" });
      }
    }, 500);
    try {
      const answer = await request("live", { signal: control.signal });
      for await (const { type, data } of eventsOf(answer.body)) {
        if (type === "ending") return { ending: true, why: String(parse(data).why ?? "") };
        if (type !== "figures") continue;
        const figures = parse(data);
        last = performance.now();
        this.#failures = 0;
        if (this.#state.kind !== "live") this.#tell({ kind: "live", since: new Date(), why: "", before: this.#state });
        try {
          this.onFigures(figures);
        } catch (error) {
          // The page's own fault, not the connection's.
          reportError(error);
        }
      }
      return { why: "the connection ended" };
    } catch (error) {
      if (error instanceof TokenWanted) return { token: true, why: error.message, refused: error.refused };
      if (control.signal.aborted) return { why: `no figures for ${Math.round(goneAfter / 1000)} s` };
      // What fetch says when nobody answers differs from browser to browser, and helps nobody.
      return { why: error instanceof TypeError ? "nothing answers at its address" : error.message };
    } finally {
      clearInterval(watch);
      control.abort();
    }
  }

  #tell(state) {
    this.#state = state;
    this.onState(state);
  }
}

// The dialog with a dump of one process: find, show only what matches, copy, save.

import { $, foreign, setText } from "./page-elements.js";
import { bytes, clock, count } from "./page-format.js";
import { request, TokenWanted } from "./page-access.js";

/** Characters that are drawn; a longer dump can be searched and saved, but is not shown to its end. */
const drawn = 2 << 20;
/** Bytes that are read; more would only fill the browser's memory. */
const limit = 256 << 20;
const marked = 1000;

export class DumpDialog {
  #dialog = $("dump-dialog");
  #text = $("dump-text");
  #find = $("dump-find");
  #only = $("dump-only");
  #whole = "";
  #shown = "";
  #found = [];
  #current = -1;
  #control = null;
  #pid = 0;

  constructor(onTokenWanted) {
    this.onTokenWanted = onTokenWanted;
    $("dump-close").addEventListener("click", () => this.#dialog.close());
    $("dump-again").addEventListener("click", () => this.#take());
    $("dump-copy").addEventListener("click", () => this.#copy());
    $("dump-save").addEventListener("click", () => this.#save());
    // Closed by whatever means; the browser gives the focus back to the button that opened it.
    this.#dialog.addEventListener("close", () => this.#control?.abort());
    this.#find.addEventListener("input", () => this.#show());
    this.#only.addEventListener("change", () => this.#show());
    this.#find.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.#go(event.shiftKey ? -1 : 1);
    });
  }

  open(pid, command) {
    this.#pid = pid;
    setText($("dump-title"), `Dump of ${command} (${pid})`);
    this.#dialog.showModal();
    this.#take();
  }

  async #take() {
    this.#control?.abort();
    const control = (this.#control = new AbortController());
    this.#whole = "";
    this.#text.setAttribute("aria-busy", "true");
    this.#show();
    this.#note(`Dumping process ${this.#pid}; it goes on running`);
    const began = performance.now();
    try {
      const answer = await request(`dump?pid=${this.#pid}`, { method: "POST", signal: control.signal });
      this.#whole = await textOf(answer);
      if (this.#control !== control) return;
      this.#show();
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      const part = this.#whole.length > drawn ? `; the first ${bytes(drawn)} are shown, Save has all` : "";
      this.#note(`Taken at ${clock(new Date())} in ${seconds} s, ${bytes(this.#whole.length)}${part}`);
    } catch (error) {
      if (this.#control !== control || control.signal.aborted) return;
      if (error instanceof TokenWanted) {
        this.#dialog.close();
        this.onTokenWanted(error);
        return;
      }
      const why = error instanceof TypeError ? "the tracer does not answer; is it still running?" : error.message;
      this.#note(`No dump of process ${this.#pid}: ${foreign(why)}`);
    } finally {
      if (this.#control === control) this.#text.removeAttribute("aria-busy");
    }
  }

  /** Draws the dump, or of it the fibrils that match, and marks what is found. */
  #show() {
    const wanted = this.#find.value.toLowerCase();
    let text = this.#whole;
    if (wanted !== "" && this.#only.checked) {
      // An entry begins with the line of its fibril.
      const entries = text.split(/^(?=fibril:)/m).filter((entry) => entry.startsWith("fibril:"));
      text = entries.filter((entry) => entry.toLowerCase().includes(wanted)).join("");
    }
    text = text.slice(0, drawn);
    if (text !== this.#shown) {
      this.#shown = text;
      this.#text.textContent = text;
      this.#text.scrollTop = 0;
    }
    this.#found = [];
    this.#current = -1;
    if (wanted !== "") {
      const lower = text.toLowerCase();
      let at = lower.indexOf(wanted);
      while (at >= 0) {
        this.#found.push(at);
        at = lower.indexOf(wanted, at + wanted.length);
      }
      this.#go(1);
    } else if (this.#whole !== "") {
      this.#note("");
      this.#mark();
    }
  }

  #go(step) {
    if (this.#found.length === 0) {
      if (this.#find.value !== "") this.#note(`Nothing in the dump matches`);
      this.#mark();
      return;
    }
    this.#current = (this.#current + step + this.#found.length) % this.#found.length;
    this.#note(`Match ${count(this.#current + 1)} of ${count(this.#found.length)}`);
    this.#mark();
  }

  /** Highlights matches, where the browser can, and scrolls to the current one. */
  #mark() {
    const length = this.#find.value.length;
    const node = this.#text.firstChild;
    const range = (at) => {
      const range = document.createRange();
      // Small letters may take more room than great ones.
      range.setStart(node, Math.min(at, node.length));
      range.setEnd(node, Math.min(at + length, node.length));
      return range;
    };
    const current = this.#current >= 0 ? range(this.#found[this.#current]) : null;
    if (CSS.highlights) {
      const from = Math.max(0, this.#current - marked / 2);
      CSS.highlights.set("found", new Highlight(...this.#found.slice(from, from + marked).map(range)));
      CSS.highlights.set("current", new Highlight(...(current ? [current] : [])));
      CSS.highlights.get("current").priority = 1;
    }
    if (!current) return;
    const box = current.getBoundingClientRect();
    const frame = this.#text.getBoundingClientRect();
    if (box.top < frame.top || box.bottom > frame.bottom) {
      this.#text.scrollTop += box.top - frame.top - frame.height / 3;
    }
    if (box.left < frame.left || box.right > frame.right) this.#text.scrollLeft += box.left - frame.left - 40;
  }

  async #copy() {
    const text = this.#only.checked && this.#find.value !== "" ? this.#shown : this.#whole;
    try {
      await navigator.clipboard.writeText(text);
      this.#note("Copied");
    } catch {
      // Without https, or when it is forbidden: the reader copies what is selected for them.
      const range = document.createRange();
      range.selectNodeContents(this.#text);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      this.#text.focus();
      this.#note("The browser does not let the page copy; the text is selected: press Ctrl-C");
    }
  }

  #save() {
    const address = URL.createObjectURL(new Blob([this.#whole], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = `fibril-dump-${this.#pid}-${new Date().toISOString().replace(/[:.]/g, "-")}.txt`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }

  #note(text) {
    setText($("dump-note"), text);
    const has = this.#whole !== "";
    for (const id of ["dump-copy", "dump-save"]) $(id).disabled = !has;
  }
}

/** The text of an answer, up to the limit. */
async function textOf(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const pieces = [];
  let length = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return pieces.join("");
    pieces.push(value);
    length += value.length;
    if (length > limit) {
      await reader.cancel();
      return `${pieces.join("")}\n(the dump is longer than this page reads; use fibril dump)\n`;
    }
  }
}

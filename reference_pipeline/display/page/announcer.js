// Reads out questions and answers to those who listen instead of looking: once and whole, since an answer read
// as it streams would be a stutter. Interim text, figures and replayed messages are never read out.

import { at, setText } from "./dom.js";

const GAP_MS = 150;

export class Announcer {
  #waiting = [];
  #timer = 0;

  say(text) {
    if (!text) return;
    this.#waiting.push(text);
    if (this.#timer === 0) this.#next();
  }

  // Two texts at once would be read as the last of them only.
  #next() {
    this.#timer = 0;
    const text = this.#waiting.shift();
    if (text === undefined) return;
    setText(at("announcer"), text);
    this.#timer = setTimeout(() => this.#next(), GAP_MS);
  }
}

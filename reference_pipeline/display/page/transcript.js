// What was heard: statements and questions as lines, and the words still being spoken below them; of these the
// beginning that will not change any more stands apart from what may.

import { at, element, setText } from "./dom.js";

const MOST_LINES = 200;

export class Transcript {
  #scroll = at("heard");
  #list = at("transcript");
  #interim = at("interim");
  #lines = new Map();
  #heardBefore = "";

  clear() {
    this.#list.replaceChildren();
    this.#lines.clear();
    this.#endInterim();
    at("transcript-empty").hidden = false;
  }

  // The assistant was started again, and counts its turns from one.
  beginAnew() {
    this.#lines.clear();
    this.#endInterim();
    if (this.#list.childElementCount > 0) this.#list.append(element("li", "anew", "The assistant was started again."));
  }

  // `stable` is how many characters will not change any more; without it, what two hypotheses agree on.
  interim(text, stable) {
    const follow = this.#atEnd();
    const kept = Number.isInteger(stable) ? stable : commonWords(this.#heardBefore, text);
    this.#heardBefore = text;
    setText(at("interim-stable"), text.slice(0, kept));
    setText(at("interim-open"), text.slice(kept));
    this.#interim.hidden = text === "";
    at("transcript-empty").hidden = true;
    this.#keepUp(follow);
  }

  final(turn, text, question) {
    const follow = this.#atEnd();
    this.#endInterim();
    if (text === "") return;
    at("transcript-empty").hidden = true;
    const line = element("li");
    line.append(element("span", "", text));
    this.#list.append(line);
    this.#lines.set(turn, line);
    if (question) this.question(turn);
    if (this.#list.childElementCount > MOST_LINES) {
      const [oldest, its] = this.#lines.entries().next().value;
      if (its === this.#list.firstElementChild) this.#lines.delete(oldest);
      this.#list.firstElementChild.remove();
    }
    this.#keepUp(follow);
  }

  // Mark what a turn said as a question; lines are numbered by their turn where something was asked.
  question(turn) {
    const line = this.#lines.get(turn);
    if (!line || line.classList.contains("asked")) return;
    line.classList.add("asked");
    line.dataset.turn = turn;
  }

  #endInterim() {
    this.#heardBefore = "";
    this.#interim.hidden = true;
    setText(at("interim-stable"), "");
    setText(at("interim-open"), "");
  }

  // Someone who scrolled back to read is left where they are.
  #atEnd() {
    return this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight < 24;
  }

  #keepUp(follow) {
    if (follow) this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }
}

// Characters of `text` up to the last whole word that `before` begins with, too.
function commonWords(before, text) {
  let end = 0;
  for (let index = 0; index < text.length && text[index] === before[index]; index += 1) {
    if (text[index + 1] === " " || text[index + 1] === undefined) end = index + 1;
  }
  // Where both go on, the last word is whole only if it ends in both.
  return before[end] === undefined || before[end] === " " ? end : text.lastIndexOf(" ", end - 1) + 1;
}

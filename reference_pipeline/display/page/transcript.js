// What was heard: statements and questions as lines, and the words still being spoken, greyed, below them.

const MOST_LINES = 400;

export class Transcript {
  #list = document.getElementById("transcript");
  #interim = document.getElementById("interim");
  #empty = document.getElementById("transcript-empty");
  #lines = new Map();

  clear() {
    this.#list.replaceChildren();
    this.#lines.clear();
    this.#interim.hidden = true;
    this.#empty.hidden = false;
  }

  interim(text) {
    const follow = this.#atEnd();
    this.#interim.textContent = text;
    this.#interim.hidden = text === "";
    this.#empty.hidden = true;
    this.#keepUp(follow);
  }

  final(turn, text, question) {
    const follow = this.#atEnd();
    this.#interim.hidden = true;
    this.#interim.textContent = "";
    if (text === "") return;
    this.#empty.hidden = true;
    const line = document.createElement("li");
    const words = document.createElement("span");
    words.textContent = text;
    line.append(words);
    this.#list.append(line);
    this.#lines.set(turn, line);
    if (question) this.question(turn);
    if (this.#list.childElementCount > MOST_LINES) {
      this.#list.firstElementChild.remove();
      this.#lines.delete(this.#lines.keys().next().value);
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

  // Someone who scrolled back to read is left where they are.
  #atEnd() {
    return this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 24;
  }

  #keepUp(follow) {
    if (follow) this.#list.scrollTop = this.#list.scrollHeight;
  }
}

// The turns: the current one on the stage and its time beside it, all those that have ended as rows below.

import { at, element, setText } from "./dom.js";
import { addCosts, costText, providerName } from "./marks.js";
import { milliseconds, stageBar, stagesOf } from "./timing.js";
import { Turn } from "./turn.js";

const MOST_TURNS = 200;
const WITHOUT_QUESTION = new Set(["no-question", "no-speech"]);

export class Turns {
  #turns = new Map();
  #current = null;
  #run = 1;
  #spent = {};
  #scaleMs = 0;
  #noFigure = [...at("turn-figure").childNodes];

  clear() {
    this.#turns.clear();
    this.#current = null;
    this.#spent = {};
    this.#scaleMs = 0;
    at("turns").replaceChildren();
    at("turn-figure").replaceChildren(...this.#noFigure);
    at("earlier").hidden = true;
    at("current").hidden = true;
    at("empty").hidden = false;
    this.#tellSpent();
  }

  // The assistant was started again and counts from one: what it answered before stays, above.
  beginAnew() {
    for (const turn of this.#turns.values()) {
      for (const answer of turn.answers.querySelectorAll(".writing")) answer.classList.replace("writing", "cut");
    }
    this.#run += 1;
    for (const turn of this.#turns.values()) this.#refreshRow(turn);
  }

  // Whether the first words of this turn's answer have yet to be shown.
  awaitsAnswer(number) {
    return !this.#turns.get(this.#key(number))?.started;
  }

  // A turn may ask several questions; they are answered together.
  ask(number, text) {
    const turn = this.#turn(number);
    turn.ask(text);
    if (this.#current === null || turn === this.#current || turn.isAfter(this.#current)) this.#stage(turn);
    else this.#refreshRow(turn);
  }

  write(number, text, data, last) {
    const turn = this.#turn(number);
    if (turn.questions.length === 0 && data.question) this.ask(number, String(data.question));
    turn.write(text, data, last);
  }

  explain(number, terms) {
    this.#turn(number).explain(terms);
  }

  end(number, data) {
    const known = this.#turns.get(this.#key(number));
    if (WITHOUT_QUESTION.has(data.status) && !known?.questions.length) return;
    const turn = this.#turn(number);
    if (turn.questions.length === 0 && data.question) {
      if (data.status === "duplicate") turn.ask(String(data.question));
      else this.ask(number, String(data.question));
    }
    turn.end(data);
    if (data.status === "duplicate") this.#showAgain(turn);
    this.#spent = addCosts(this.#spent, data.cost);
    this.#list(turn);
    this.#summarise(turn);
    this.#tellSpent();
  }

  // What was asked before is answered by the turn that answered it.
  #showAgain(turn) {
    const before = [...this.#turns.values()].filter((other) => other.started && other.question === turn.question);
    const answered = before.at(-1);
    // Asked in other words: the answer on the stage stays, and the row says that there is an earlier one.
    if (!answered) return;
    this.#stage(answered);
    setText(at("current-number"), `Asked again in turn ${turn.number}, answered in turn ${answered.number}`);
  }

  // What is read out of an answer.
  spoken(number, question) {
    return this.#turns.get(this.#key(number))?.answerOf(question) ?? "";
  }

  get currentAnswer() {
    return this.#current?.answerOf() ?? "";
  }

  #key(number) {
    return `${this.#run}.${number}`;
  }

  #turn(number) {
    let turn = this.#turns.get(this.#key(number));
    if (!turn) {
      turn = new Turn(number, this.#run);
      this.#turns.set(this.#key(number), turn);
      if (this.#turns.size > MOST_TURNS) this.#forgetOldest();
    }
    return turn;
  }

  #forgetOldest() {
    const [key, turn] = this.#turns.entries().next().value;
    turn.row?.remove();
    this.#turns.delete(key);
  }

  // Put a turn on the stage; the one before it goes into its row.
  #stage(turn) {
    const before = this.#current === turn ? null : this.#current;
    this.#current = turn;
    if (before) this.#list(before);
    at("empty").hidden = true;
    at("current").hidden = false;
    setText(at("current-number"), `Question in turn ${turn.number}`);
    setText(at("current-question"), turn.question);
    if (turn.body.parentElement !== at("current-body")) at("current-body").replaceChildren(turn.body);
    if (turn.figure.parentElement !== at("turn-figure")) {
      if (turn.timing === null) turn.figure.replaceChildren(element("p", "hush", "Being answered."));
      at("turn-figure").replaceChildren(turn.figure);
    }
    this.#refreshRow(turn);
  }

  // Make sure that a turn has its row, newest first.
  #list(turn) {
    if (!turn.row) {
      turn.row = this.#newRow(turn);
      const newer = [...this.#turns.values()].filter((other) => other.row?.isConnected && other.isAfter(turn));
      const next = newer.reduce((nearest, other) => (nearest === null || nearest.isAfter(other) ? other : nearest), null);
      if (next) next.row.after(turn.row);
      else at("turns").prepend(turn.row);
    }
    if (turn !== this.#current) turn.row.querySelector(".opened").append(turn.body, turn.figure);
    at("earlier").hidden = false;
    this.#refreshRow(turn);
  }

  #newRow(turn) {
    const row = element("li");
    const details = element("details");
    const summary = element("summary");
    summary.append(
      element("span", "row-number", String(turn.number)),
      element("span", "row-question"),
      element("span", "row-provider"),
      element("span", "row-bar"),
      element("span", "row-ms"),
    );
    details.append(summary, element("div", "opened"));
    details.addEventListener("toggle", () => {
      // The current turn's body stands on the stage already: its row leads there.
      if (details.open && turn === this.#current) {
        details.open = false;
        at("stage").focus();
        at("stage").scrollIntoView();
      }
    });
    row.append(details);
    return row;
  }

  #refreshRow(turn) {
    if (!turn.row) return;
    const data = turn.timing ?? {};
    const answered = Number.isFinite(data.end_to_end_ms);
    turn.row.classList.toggle("is-current", turn === this.#current);
    turn.row.classList.toggle("is-before", turn.run < this.#run);
    turn.row.classList.toggle("over", Boolean(turn.isOver));
    const told = [data.answered_by && providerName(data.answered_by), data.cached && "cached"];
    told.push(data.shortened && "shortened", data.cut && "cut short");
    const set = (part, text) => setText(turn.row.querySelector(part), text);
    set(".row-question", turn.question.replaceAll("\n", " "));
    set(".row-provider", told.filter(Boolean).join(", "));
    set(".row-ms", answered ? `${milliseconds(data.end_to_end_ms)}\u2009ms` : (data.status ?? "").replace("-", " "));
  }

  // How many were in time, and the rows' bars on one scale: that of the slowest turn.
  #summarise(ended) {
    const timed = [...this.#turns.values()].filter((turn) => Number.isFinite(turn.timing?.end_to_end_ms));
    if (timed.length === 0) return;
    const slowestMs = Math.max(...timed.map((turn) => turn.timing.end_to_end_ms));
    const within = timed.filter((turn) => !turn.isOver).length;
    setText(at("figures"), `${within} of ${timed.length} within budget`);
    for (const turn of slowestMs === this.#scaleMs ? timed.filter((turn) => turn === ended) : timed) {
      turn.row?.querySelector(".row-bar").replaceChildren(stageBar(stagesOf(turn.timing), slowestMs));
    }
    this.#scaleMs = slowestMs;
    setText(at("scale"), `Bars to the scale of the slowest turn, ${milliseconds(slowestMs)}\u2009ms.`);
  }

  #tellSpent() {
    const told = Object.keys(this.#spent).length > 0 ? costText(this.#spent).split(", ") : ["nothing"];
    at("spent").replaceChildren(...told.map((part) => element("li", part === "nothing" ? "hush" : "", part)));
  }
}

// The turns: the current one on the stage, all those with a timing as rows below. Text only ever becomes text
// nodes; nothing that was said, written or noted is read as markup.

import { milliseconds, stageBar, stagesOf, timingFigure } from "./timing.js";

const MOST_TURNS = 200;
const PROVIDERS = { notes: "From your notes", "ollama-cloud": "Ollama Cloud", "ollama-local": "Local Ollama" };
const ENDINGS = {
  duplicate: "Asked before; the answer stands with the earlier turn.",
  dropped: "Dropped: there was too much to do at once.",
  cancelled: "Cancelled before the answer was whole.",
  "timed-out": "No whole answer within the time allowed.",
  failed: "No answer could be had.",
};
const WITHOUT_QUESTION = new Set(["no-question", "no-speech"]);

class Turn {
  constructor(number) {
    this.number = number;
    this.question = "";
    this.started = false;
    this.answering = "";
    this.timing = null;
    this.body = make("div", "body");
    this.answer = make("p", "answer");
    this.source = make("p", "source");
    this.terms = make("dl", "terms");
    this.ending = make("p", "ending");
    this.figurePlace = make("div");
    this.row = null;
    for (const part of [this.source, this.terms, this.ending]) part.hidden = true;
    this.body.append(this.answer, this.source, this.ending, this.terms, this.figurePlace);
  }
}

export class Turns {
  #turns = new Map();
  #current = null;
  #at = (id) => document.getElementById(id);

  clear() {
    this.#turns.clear();
    this.#current = null;
    this.#at("turns").replaceChildren();
    this.#at("earlier").hidden = true;
    this.#at("current").hidden = true;
    this.#at("empty").hidden = false;
  }

  // Whether the first words of this turn's answer have yet to be shown.
  awaitsAnswer(number) {
    return !this.#turns.get(number)?.started;
  }

  // A turn may ask several questions; they are answered together.
  ask(number, text) {
    const turn = this.#turn(number);
    if (!turn.question.split("\n").includes(text)) turn.question += (turn.question && "\n") + text;
    if (this.#current === null || number >= this.#current.number) this.#stage(turn);
    else this.#refreshRow(turn);
  }

  write(number, text, data, last) {
    const turn = this.#turn(number);
    if (!turn.question && data.question) this.ask(number, String(data.question));
    if (data.restart) turn.answer.replaceChildren();
    // A second question of the same turn: its answer is a paragraph of its own.
    const another = data.question && turn.answering && data.question !== turn.answering;
    if (another && turn.answer.firstChild) turn.answer.append(document.createTextNode("\n\n"));
    turn.answering = data.question ?? turn.answering;
    turn.started = true;
    if (text) turn.answer.append(document.createTextNode(text));
    turn.answer.classList.toggle("writing", !last);
    this.#tellSource(turn, data);
  }

  explain(number, terms) {
    const turn = this.#turn(number);
    turn.terms.replaceChildren();
    for (const { term, explanation } of terms) {
      const entry = make("div");
      entry.append(make("dt", "", String(term)), make("dd", "", String(explanation)));
      turn.terms.append(entry);
    }
    turn.terms.hidden = terms.length === 0;
  }

  end(number, data) {
    if (WITHOUT_QUESTION.has(data.status) && !this.#turns.get(number)?.question) return;
    const turn = this.#turn(number);
    if (!turn.question && data.question) this.ask(number, String(data.question));
    turn.timing = data;
    turn.answer.classList.remove("writing");
    turn.ending.textContent = ENDINGS[data.status] ?? "";
    turn.ending.hidden = !turn.ending.textContent;
    if (Number.isFinite(data.end_to_end_ms)) turn.figurePlace.replaceChildren(timingFigure(data));
    this.#list(turn);
    this.#summarise();
  }

  answerOf(number) {
    return this.#turns.get(number)?.answer.textContent ?? "";
  }

  #turn(number) {
    let turn = this.#turns.get(number);
    if (!turn) {
      turn = new Turn(number);
      this.#turns.set(number, turn);
      if (this.#turns.size > MOST_TURNS) this.#forget(this.#turns.keys().next().value);
    }
    return turn;
  }

  #forget(number) {
    this.#turns.get(number).row?.remove();
    this.#turns.delete(number);
  }

  // Put a turn on the stage; the one before it goes into its row.
  #stage(turn) {
    const before = this.#current;
    if (before && before !== turn && before.row) before.row.querySelector(".opened").append(before.body);
    this.#current = turn;
    this.#at("empty").hidden = true;
    this.#at("current").hidden = false;
    this.#at("current-number").textContent = `Question in turn ${turn.number}`;
    this.#at("current-question").textContent = turn.question;
    if (turn.body.parentElement !== this.#at("current-body")) this.#at("current-body").replaceChildren(turn.body);
    if (before && before !== turn && !before.row) this.#list(before);
    for (const one of [before, turn]) if (one) this.#refreshRow(one);
  }

  #tellSource(turn, { provider, source, notice }) {
    if (!provider) return;
    turn.notice = notice || turn.notice || "";
    turn.source.replaceChildren(make("b", "", PROVIDERS[provider] ?? String(provider)));
    turn.source.dataset.provider = provider;
    if (source) turn.source.append(document.createTextNode(` ${source}`));
    if (turn.notice) turn.source.append(make("span", "notice", `, since ${turn.notice}`));
    turn.source.hidden = false;
  }

  // Make sure that a turn has its row, newest first.
  #list(turn) {
    if (!turn.row) {
      turn.row = make("li");
      const details = make("details");
      const summary = make("summary");
      summary.append(
        make("span", "row-number", String(turn.number)),
        make("span", "row-question"),
        make("span", "row-bar"),
        make("span", "row-ms"),
      );
      details.append(summary, make("div", "opened"));
      details.addEventListener("toggle", () => this.#opened(turn, details.open));
      turn.row.append(details);
      const newer = [...this.#turns.values()].filter((other) => other.row?.isConnected && other.number > turn.number);
      const next = newer.sort((one, other) => one.number - other.number)[0];
      if (next) next.row.after(turn.row);
      else this.#at("turns").prepend(turn.row);
    }
    if (turn !== this.#current && turn.body.parentElement === null) turn.row.querySelector(".opened").append(turn.body);
    this.#at("earlier").hidden = false;
    this.#refreshRow(turn);
  }

  #opened(turn, open) {
    // The current turn's body stands on the stage already: its row leads there.
    if (open && turn === this.#current) {
      turn.row.querySelector("details").open = false;
      this.#at("stage").focus();
      this.#at("stage").scrollIntoView();
    }
  }

  #refreshRow(turn) {
    if (!turn.row) return;
    turn.row.classList.toggle("is-current", turn === this.#current);
    turn.row.querySelector(".row-question").textContent = turn.question.replaceAll("\n", " ");
    const answered = Number.isFinite(turn.timing?.end_to_end_ms);
    const over = answered && turn.timing.end_to_end_ms > turn.timing.budget_ms;
    turn.row.classList.toggle("over", Boolean(over));
    turn.row.querySelector(".row-ms").textContent = answered
      ? `${milliseconds(turn.timing.end_to_end_ms)}\u2009ms`
      : (turn.timing?.status ?? "").replace("-", " ");
  }

  // The figures over all turns, and the rows' bars on one scale: that of the slowest turn.
  #summarise() {
    const timed = [...this.#turns.values()].filter((turn) => Number.isFinite(turn.timing?.end_to_end_ms));
    if (timed.length === 0) return;
    const times = timed.map((turn) => turn.timing.end_to_end_ms).sort((one, other) => one - other);
    // The smallest value with at least that share of values at or below it.
    const percentile = (share) => times[Math.max(Math.ceil(share * times.length) - 1, 0)];
    const slowestMs = times[times.length - 1];
    const within = timed.filter((turn) => !(turn.timing.end_to_end_ms > turn.timing.budget_ms)).length;
    this.#at("figures").replaceChildren(
      ...[
        ["median", milliseconds(percentile(0.5)), "ms"],
        ["p95", milliseconds(percentile(0.95)), "ms"],
        ["slowest", milliseconds(slowestMs), "ms"],
        ["in budget", `${within}`, `of ${timed.length}`],
      ].map(([name, value, unit]) => {
        const entry = make("div");
        const figure = make("dd", "", value);
        figure.append(make("span", "unit", ` ${unit}`));
        entry.append(make("dt", "", name), figure);
        return entry;
      }),
    );
    for (const turn of timed) {
      turn.row?.querySelector(".row-bar").replaceChildren(stageBar(stagesOf(turn.timing), slowestMs));
    }
    this.#at("scale").textContent = `Bars to the scale of the slowest turn, ${milliseconds(slowestMs)}\u2009ms.`;
  }
}

function make(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

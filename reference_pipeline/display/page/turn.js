// One turn: its questions, an answer to each, the terms, and the figure of its time. It owns the elements; where
// they stand is not its concern. Answers grow by text nodes alone; what is there is never written again.

import { element } from "./dom.js";
import { sourceLine } from "./marks.js";
import { timingFigure } from "./timing.js";

const ENDINGS = {
  duplicate: "Asked before; the answer stands with the earlier turn.",
  dropped: "Dropped: there was too much to do at once.",
  cancelled: "Cancelled before the answer was whole.",
  "timed-out": "No whole answer within the time allowed.",
  failed: "No answer could be had.",
};

export class Turn {
  #answers = new Map();
  #last = null;

  constructor(number, run) {
    this.number = number;
    this.run = run;
    this.questions = [];
    this.started = false;
    this.timing = null;
    this.row = null;
    this.body = element("div", "body");
    this.answers = element("div", "answers");
    this.terms = element("dl", "terms");
    this.ending = element("p", "ending");
    this.figure = element("div", "figure");
    this.terms.hidden = this.ending.hidden = true;
    this.body.append(this.answers, this.ending, this.terms);
  }

  // Turns follow each other by number; after a restart of the assistant numbers begin again.
  isAfter(other) {
    return this.run > other.run || (this.run === other.run && this.number > other.number);
  }

  get question() {
    return this.questions.join("\n");
  }

  get isOver() {
    return this.timing?.end_to_end_ms > this.timing?.budget_ms;
  }

  ask(text) {
    if (text && !this.questions.includes(text)) this.questions.push(text);
  }

  write(text, data, last) {
    const answer = this.#answerTo(data.question ?? "");
    if (data.restart) answer.text.replaceChildren();
    answer.text.classList.toggle("draft", data.draft === true);
    answer.text.classList.toggle("writing", !last);
    answer.text.classList.toggle("cut", data.cut === true);
    if (text) answer.text.append(document.createTextNode(text));
    if (last) answer.text.normalize();
    this.started = true;
    // A reason why somebody better does not answer stands to the end, whichever piece brought it.
    answer.notice = data.notice || answer.notice;
    const told = JSON.stringify([data.provider, data.source, data.draft, data.cached, data.cut, data.shortened, answer.notice, last]);
    if (told !== answer.told) {
      answer.told = told;
      answer.source.replaceChildren(...sourceLine({ ...data, notice: answer.notice }));
      answer.source.hidden = answer.source.childElementCount === 0;
    }
  }

  explain(terms) {
    const known = new Set([...this.terms.querySelectorAll("dt")].map((term) => term.textContent));
    for (const { term, explanation, origin } of terms) {
      if (known.has(String(term))) continue;
      const entry = element("div");
      const told = element("dd", "", String(explanation));
      if (origin === "model") told.append(element("span", "origin", " by the model"));
      entry.append(element("dt", "", String(term)), told);
      this.terms.append(entry);
    }
    this.terms.hidden = this.terms.childElementCount === 0;
  }

  end(data) {
    this.timing = data;
    for (const { text } of this.#answers.values()) text.classList.remove("writing");
    const ending = ENDINGS[data.status] ?? "";
    this.ending.textContent = ending && data.detail && data.status !== "duplicate" ? `${ending} ${sentence(data.detail)}` : ending;
    this.ending.hidden = ending === "";
    this.figure.replaceChildren(...(Number.isFinite(data.end_to_end_ms) ? [timingFigure(data)] : []));
  }

  // What was answered, as text: of one question or of all.
  answerOf(question) {
    const one = this.#answers.get(question ?? "") ?? (this.#answers.size === 1 ? this.#last : null);
    if (one) return one.text.textContent;
    return [...this.#answers.values()].map(({ text }) => text.textContent).join("\n\n");
  }

  #answerTo(question) {
    let answer = this.#answers.get(question);
    if (!answer) {
      answer = { text: element("p", "answer"), source: element("p", "source"), notice: "", told: "" };
      answer.source.hidden = true;
      // Which question an answer belongs to must be said only where there are several.
      if (this.#answers.size > 0) {
        if (this.#answers.size === 1) this.answers.prepend(element("p", "answered-question", [...this.#answers.keys()][0]));
        this.answers.append(element("p", "answered-question", question));
      }
      this.answers.append(answer.text, answer.source);
      this.#answers.set(question, answer);
    }
    this.#last = answer;
    return answer;
  }
}

function sentence(text) {
  const words = String(text);
  return words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
}

// A turn's time as a figure: the whole against its budget, its stages side by side, with a legend, and what else
// is to be known of its way: when the first words stood there, which budgets it burnt, what was left out.

import { element } from "./dom.js";

const STAGE_COLOURS = 9;
const REST = "rest";
// Stages that every turn has keep their colour from turn to turn; unknown ones take what is left, in order.
const colourOf = new Map();

export function colour(stage) {
  if (stage === REST) return "rest";
  if (!colourOf.has(stage)) colourOf.set(stage, colourOf.size % STAGE_COLOURS);
  return String(colourOf.get(stage));
}

export function milliseconds(value) {
  return value < 9.95 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}

export function stageName(stage) {
  return stage.replaceAll("_", " ");
}

// The stages of a TURN message's data that took any time, the unexplained rest last.
export function stagesOf(data) {
  const given = Object.entries(data.stages_ms ?? {}).filter(([, spent]) => Number.isFinite(spent));
  if (Number.isFinite(data.rest_ms) && data.rest_ms > 0) given.push([REST, data.rest_ms]);
  return given.map(([stage, spent]) => [stage, Math.max(spent, 0)]);
}

// A bar of the stages, as wide as its place; `wholeMs` is the time that the full width stands for.
export function stageBar(stages, wholeMs) {
  const bar = element("div", "stages");
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", stages.map(([stage, ms]) => `${stageName(stage)} ${milliseconds(ms)} ms`).join(", "));
  for (const [stage, spentMs] of stages) {
    const part = element("span", "part");
    part.dataset.colour = colour(stage);
    part.style.width = `${(100 * spentMs) / wholeMs}%`;
    // A line between slivers would be all that is seen of them.
    part.classList.toggle("wide", spentMs > wholeMs / 50);
    part.title = `${stageName(stage)} ${milliseconds(spentMs)} ms`;
    bar.append(part);
  }
  return bar;
}

export function timingFigure(data) {
  const figure = element("figure", "timing");
  const totalMs = data.end_to_end_ms;
  const budgetMs = data.budget_ms;
  const over = Number.isFinite(budgetMs) && totalMs > budgetMs;
  figure.classList.toggle("over", over);
  figure.append(headline(totalMs, budgetMs, over));
  const stages = stagesOf(data);
  if (Number.isFinite(budgetMs)) figure.append(budgetTrack(totalMs, budgetMs, stages.length > 0));
  if (stages.length > 0) {
    const sumMs = stages.reduce((sum, [, ms]) => sum + ms, 0);
    figure.append(stageBar(stages, Math.max(sumMs, Number.MIN_VALUE)), legend(stages, sumMs));
  }
  const way = wayOf(data);
  if (way.length > 0) figure.append(facts(way));
  if (data.trace_id) figure.append(traceLine(data.trace_id));
  return figure;
}

function headline(totalMs, budgetMs, over) {
  const caption = element("figcaption", "total");
  const number = element("strong", "", milliseconds(totalMs));
  caption.append(number, element("span", "unit", "ms"));
  const against = !Number.isFinite(budgetMs) ? "from the end of the question"
    : over ? `${milliseconds(totalMs - budgetMs)} ms over the budget of ${milliseconds(budgetMs)}`
    : `of ${milliseconds(budgetMs)} ms, ${Math.round((100 * totalMs) / budgetMs)}\u2009% of the budget`;
  caption.append(element("span", "against", against));
  return caption;
}

// The budget to scale; below it, where there are stages, the used part opens out to the whole width.
function budgetTrack(totalMs, budgetMs, opens) {
  const scaleMs = Math.max(totalMs, budgetMs);
  const track = element("div", "track");
  const used = element("span", "used");
  used.style.width = `${(100 * totalMs) / scaleMs}%`;
  const limit = element("span", "limit");
  limit.style.left = `${(100 * budgetMs) / scaleMs}%`;
  track.append(used, limit);
  const block = element("div", "budget");
  block.setAttribute("role", "img");
  block.setAttribute("aria-label", `${milliseconds(totalMs)} of ${milliseconds(budgetMs)} milliseconds used`);
  block.append(track);
  if (opens) {
    const lens = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    lens.setAttribute("class", "lens");
    lens.setAttribute("viewBox", "0 0 100 100");
    lens.setAttribute("preserveAspectRatio", "none");
    const shape = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
    shape.setAttribute("points", `0,0 ${(100 * totalMs) / scaleMs},0 100,100 0,100`);
    lens.append(shape);
    block.append(lens);
  }
  return block;
}

function legend(stages, sumMs) {
  const list = element("ul", "legend");
  for (const [stage, spentMs] of stages) {
    const entry = element("li");
    const swatch = element("i", "swatch");
    swatch.dataset.colour = colour(stage);
    const share = sumMs > 0 ? (100 * spentMs) / sumMs : 0;
    entry.append(
      swatch,
      element("span", "stage-name", stageName(stage)),
      element("span", "stage-ms", `${milliseconds(spentMs)}\u2009ms`),
      element("span", "stage-share", `${share > 0 && share < 1 ? "< 1" : Math.round(share)}\u2009%`),
    );
    list.append(entry);
  }
  return list;
}

// What else happened on the way, as pairs of name and figure.
function wayOf({ first_text_ms, first_answer_ms, first_model_token_ms, speculation, shed, budgets }) {
  const way = [];
  const moment = (name, ms) => Number.isFinite(ms) && way.push([name, `${milliseconds(ms)}\u2009ms`]);
  moment("first text painted", first_text_ms);
  if (first_answer_ms !== first_text_ms) moment("first text of the answer", first_answer_ms);
  moment("first token of a model", first_model_token_ms);
  if (speculation) way.push(["begun early", `${speculation.adopted} of ${speculation.started} adopted`]);
  if (shed?.length > 0) way.push(["left out", shed.map(stageName).join(", ")]);
  for (const { name, measured, observed_ms, limit_ms, met } of budgets ?? []) {
    if (met || measured === "turn.end_to_end") continue;
    way.push([`over: ${stageName(name.split(".").pop())}`, `${milliseconds(observed_ms)} of ${milliseconds(limit_ms)}\u2009ms`, "over"]);
  }
  return way;
}

function facts(way) {
  const list = element("dl", "way");
  for (const [name, figure, kind] of way) {
    const entry = element("div", kind ?? "");
    entry.append(element("dt", "", name), element("dd", "", figure));
    list.append(entry);
  }
  return list;
}

function traceLine(traceId) {
  const line = element("p", "trace", "Trace ");
  line.append(element("code", "", traceId));
  return line;
}

// The live figures of the assistant's process: percentiles, budgets, burn rates, calls in flight. They come about
// once a second; only what has changed is written.

import { at, element, fillList, setText } from "./dom.js";
import { milliseconds, stageName } from "./timing.js";

const PERCENTILES = [50, 95, 99];
const BUDGETS_SHOWN = 6;
const NAMES = { "turn.end_to_end": "whole turn" };

export class Figures {
  show({ percentiles = [], budgets = [], objectives = [], in_flight = [] }) {
    showPercentiles(percentiles);
    showBudgets(budgets);
    showObjectives(objectives);
    showInFlight(in_flight);
  }
}

function showPercentiles(percentiles) {
  const turns = percentiles.find(({ name }) => name === "turn.end_to_end");
  at("live-panel").hidden = percentiles.length === 0;
  setText(at("live-count"), turns ? `${turns.count}` : "");
  fillList(at("percentiles").tBodies[0], percentiles, newRow, (row, series) => {
    setText(row.cells[0], NAMES[series.name] ?? stageName(series.name.split(".").pop()));
    row.cells[0].title = `${series.name}, ${series.count} calls`;
    PERCENTILES.forEach((percentile, index) => {
      const ms = series[`p${percentile}_ms`];
      setText(row.cells[index + 1], milliseconds(ms));
      // Red is only what a budget speaks of: a p99 over the limit of a p95 is as it may be.
      row.cells[index + 1].classList.toggle("over", percentile === series.limit_percentile && ms > series.limit_ms);
    });
    row.classList.toggle("whole", series.name === "turn.end_to_end");
  });
}

function newRow() {
  const row = element("tr");
  const name = element("th");
  name.scope = "row";
  row.append(name, element("td"), element("td"), element("td"));
  return row;
}

// Those that burn first, then those nearest to it; a budget without data says nothing yet.
function showBudgets(budgets) {
  const met = budgets.filter(({ verdict }) => verdict === "MET").length;
  const burnt = budgets.filter(({ verdict }) => verdict === "BREACHED").length;
  const silent = budgets.length - met - burnt;
  at("budgets-panel").hidden = met + burnt === 0;
  setText(at("budgets-count"), `${met} met, ${burnt} burnt${silent > 0 ? `, ${silent} without data` : ""}`);
  at("budgets-count").classList.toggle("over", burnt > 0);
  const shown = budgets.filter(({ verdict }) => verdict !== "NO_DATA").sort(byNeed).slice(0, BUDGETS_SHOWN);
  fillList(at("budgets"), shown, newBudget, (entry, budget) => {
    const [name, figure, meter, burn] = entry.children;
    const observed = Number.isFinite(budget.observed_ms) ? milliseconds(budget.observed_ms) : "failed";
    setText(name, stageName(budget.name));
    setText(figure, `p${budget.percentile} ${observed} of ${milliseconds(budget.limit_ms)}`);
    setText(burn, budget.burn_rate > 0 ? `burns ${budget.burn_rate.toLocaleString("en")}×` : "");
    meter.firstElementChild.style.width = `${Math.min(100 * use(budget), 100)}%`;
    entry.classList.toggle("over", budget.verdict === "BREACHED");
    entry.title = `${budget.measures}: ${budget.over} of ${budget.count} calls over the limit`;
  });
}

function newBudget() {
  const entry = element("li");
  const meter = element("span", "meter");
  meter.append(element("i"));
  entry.append(element("span", "budget-name"), element("span", "budget-figure"), meter, element("span", "budget-burn"));
  return entry;
}

const use = ({ observed_ms, limit_ms }) => (Number.isFinite(observed_ms) ? observed_ms / limit_ms : 1);

function byNeed(one, other) {
  const burnt = (budget) => (budget.verdict === "BREACHED" ? 1 : 0);
  return burnt(other) - burnt(one) || use(other) - use(one);
}

function showObjectives(objectives) {
  const told = objectives.filter(({ burns }) => burns.length > 0).map(({ name, burns, firing, remaining_error_budget: left }) => {
    const rates = burns.map(({ window_s, burn_rate }) => `${burn_rate.toLocaleString("en")}× in ${duration(window_s)}`).join(", ");
    const rest = Number.isFinite(left) ? `, ${Math.round(100 * left)}\u2009% of the error budget left` : "";
    return `${stageName(name)}: burns ${rates}${rest}${firing.length > 0 ? `; alert ${firing.join(", ")}` : ""}`;
  });
  setText(at("objectives"), told.join(". "));
  at("objectives").hidden = told.length === 0;
  at("objectives").classList.toggle("over", objectives.some(({ firing }) => firing.length > 0));
}

function duration(seconds) {
  if (seconds % 86_400 === 0) return `${seconds / 86_400}\u2009d`;
  if (seconds % 3600 === 0) return `${seconds / 3600}\u2009h`;
  return `${Math.round(seconds / 60)}\u2009min`;
}

function showInFlight(calls) {
  const shown = calls.length > 0 ? calls : [null];
  fillList(at("flight"), shown, () => element("li"), (entry, call) => {
    entry.classList.toggle("hush", call === null);
    if (call === null) {
      setText(entry, "nothing");
      return;
    }
    const several = call.count > 1 ? `${call.count} × ` : "";
    setText(entry, `${several}${stageName(call.name.split(".").pop())} ${seconds(call.oldest_ms)}`);
    entry.title = call.name;
  });
}

function seconds(ms) {
  return ms < 1000 ? `${Math.round(ms)}\u2009ms` : `${(ms / 1000).toFixed(1)}\u2009s`;
}

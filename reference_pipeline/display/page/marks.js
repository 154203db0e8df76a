// The small labels of an answer: where it comes from, whether it is a draft, cached, shortened or cut, and what it cost.

import { element } from "./dom.js";
import { milliseconds } from "./timing.js";

const PROVIDERS = { notes: "From your notes", "ollama-cloud": "Ollama Cloud", "ollama-local": "Local Ollama" };

export function providerName(provider) {
  return PROVIDERS[provider] ?? String(provider);
}

// The line below an answer: what it is, who gave it, and why not somebody better.
export function sourceLine(data) {
  const { provider, source, draft, cached, cut, shortened, speculative, notice, cost, first_model_token_ms } = data;
  const marks = [];
  if (draft) marks.push(mark("draft", "Draft", "a note, until a model answers"));
  if (cut) marks.push(mark("cut", "Cut short", "the answer is not whole"));
  if (shortened) marks.push(mark("shortened", "Shortened", "ended with a sentence to be in time; there was more to say"));
  if (cached) marks.push(mark("cached", "Cached", "the same question was answered before"));
  if (provider) marks.push(mark("provider", providerName(provider), ""));
  const told = [];
  if (source) told.push(String(source));
  if (Number.isFinite(first_model_token_ms)) told.push(`first token after ${milliseconds(first_model_token_ms)}\u2009ms`);
  if (speculative) told.push("begun before the question had ended");
  if (cost) told.push(costText(cost));
  if (told.length > 0) marks.push(element("span", "told", told.join(" · ")));
  if (notice) marks.push(element("span", "why", `${notice}`));
  return marks;
}

export function costText({ requests = 0, wasted_requests = 0, prompt_tokens = 0, answer_tokens = 0, wasted_tokens = 0, busy_ms }) {
  const parts = [plural(requests, "request") + (wasted_requests > 0 ? ` (${wasted_requests} wasted)` : "")];
  const tokens = prompt_tokens + answer_tokens;
  if (tokens > 0) parts.push(plural(tokens, "token") + (wasted_tokens > 0 ? ` (${counted(wasted_tokens)} wasted)` : ""));
  if (Number.isFinite(busy_ms) && busy_ms > 0) parts.push(`${(busy_ms / 1000).toFixed(1)}\u2009s busy`);
  return parts.join(", ");
}

export function addCosts(one, other) {
  const sum = { ...one };
  for (const [name, value] of Object.entries(other ?? {})) {
    if (Number.isFinite(value)) sum[name] = (sum[name] ?? 0) + value;
  }
  return sum;
}

export function counted(value) {
  return value.toLocaleString("en");
}

export function plural(count, noun) {
  return `${counted(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function mark(kind, text, title) {
  const made = element("b", "label", text);
  made.dataset.kind = kind;
  if (title) made.title = title;
  return made;
}

// Ties the page together: the connection's messages go through the painter into transcript, turns and figures.

import { Announcer } from "./announcer.js";
import { Connection } from "./connection.js";
import { at, element } from "./dom.js";
import { Figures } from "./figures.js";
import { listenToKeys } from "./keyboard.js";
import { Painter } from "./painter.js";
import { Transcript } from "./transcript.js";
import { Turns } from "./turns.js";

const NOTICE_OVER_MS = 10_000;
let noticeTimer = 0;

const announcer = new Announcer();
const transcript = new Transcript();
const turns = new Turns();
const figures = new Figures();

const painter = new Painter({ apply, urgent, report: (report) => connection.send(report) });
const asked = new URLSearchParams(location.search);
const session = asked.get("session") ?? "main";
const connection = new Connection({
  session,
  token: takeToken(),
  on: { hello, messages, state, sessions, figures: (latest) => painter.pushLatest({ kind: "figures", data: latest }) },
});

if (session !== "main") {
  at("session").textContent = `Session ${session}`;
  at("session").hidden = false;
}
at("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = at("token").value.trim();
  if (!given) return;
  sessionStorage.setItem("token", given);
  at("token-form").hidden = true;
  connection.openWith(given);
});
listenToKeys({ turns });
connection.open();

// `anew`: the assistant was started again. What it answered before stays on the page, told apart from what comes.
function hello({ reset, lost, anew }) {
  at("sessions").hidden = true;
  if (anew) {
    painter.flush();
    transcript.beginAnew();
    turns.beginAnew();
  } else if (reset) {
    painter.clear();
    transcript.clear();
    turns.clear();
  }
  // Who only comes back keeps the notice: what has changed meanwhile comes as a message.
  if (reset || lost) notice(lost ? "The beginning of this session is no longer kept; what follows is whole." : "");
}

function messages(fresh, awaited, receivedMs, replay) {
  painter.push(fresh, awaited, receivedMs, replay);
}

function state(name, text) {
  at("state").dataset.state = name;
  at("state-text").textContent = text;
  at("token-form").hidden = name !== "locked";
  if (name === "locked") at("token").focus();
}

// Somebody asked for a session that does not run: here are those that do.
function sessions(names) {
  const place = at("sessions");
  place.replaceChildren(element("p", "", names.length > 0 ? "These sessions are running:" : "No session is running."));
  for (const name of names) {
    const link = element("a", "", name);
    link.href = `?${new URLSearchParams({ session: name })}`;
    place.append(link);
  }
  place.hidden = false;
}

// Everything is but interim text, figures and the middle of an answer, which share frames.
function urgent({ kind, turn, data, last }) {
  if (kind === "answer") return last || data.restart === true || turns.awaitsAnswer(turn);
  return kind !== "interim" && kind !== "figures";
}

function apply({ kind, turn, text, data, last }, replay) {
  switch (kind) {
    case "interim":
      transcript.interim(text, data.stable);
      break;
    case "transcript":
      transcript.final(turn, text, data.question === true);
      break;
    case "question":
      transcript.question(turn);
      turns.ask(turn, text);
      if (!replay) announcer.say(`Question: ${text}`);
      break;
    case "answer":
      turns.write(turn, text, data, last);
      if (last && !replay) announcer.say(turns.spoken(turn, data.question));
      break;
    case "terms":
      turns.explain(turn, Array.isArray(data.terms) ? data.terms : []);
      break;
    case "turn":
      turns.end(turn, data);
      break;
    case "notice":
      notice(replay && data.over === true ? "" : text, data.over === true);
      break;
    case "figures":
      figures.show(data);
      break;
  }
}

// A notice stays until the next one; one of what is over, for ten seconds.
function notice(text, over = false) {
  clearTimeout(noticeTimer);
  at("notice").textContent = text;
  at("notice").hidden = text === "";
  if (over && text !== "") noticeTimer = setTimeout(() => notice(""), NOTICE_OVER_MS);
}

// The token comes in the fragment, which browsers never send, and leaves the address bar and history at once.
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return given ?? sessionStorage.getItem("token");
}

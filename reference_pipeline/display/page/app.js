// Ties the page together: the connection's messages go through the painter into transcript and turns.

import { Connection } from "./connection.js";
import { Painter } from "./painter.js";
import { Transcript } from "./transcript.js";
import { Turns } from "./turns.js";

const at = (id) => document.getElementById(id);
const transcript = new Transcript();
const turns = new Turns();

const painter = new Painter({ apply, urgent, report: (report) => connection.send(report) });
const asked = new URLSearchParams(location.search);
const session = asked.get("session") ?? "main";
const connection = new Connection({ session, token: takeToken(), on: { hello, messages, state } });

if (session !== "main") {
  at("session").textContent = `Session ${session}`;
  at("session").hidden = false;
}
listenToKeys();
connection.open();

function hello({ reset, lost }) {
  if (reset) {
    painter.clear();
    transcript.clear();
    turns.clear();
  }
  notice(lost ? "The beginning of this session is no longer kept; what follows is whole." : "");
}

function messages(fresh, awaited, receivedMs, replay) {
  painter.push(fresh, awaited, receivedMs, replay);
}

function state(name, text) {
  at("state").dataset.state = name;
  at("state-text").textContent = text;
}

// Everything is but interim text and the middle of an answer, which share frames.
function urgent({ kind, turn, last }) {
  if (kind === "answer") return last || turns.awaitsAnswer(turn);
  return kind !== "interim";
}

function apply({ kind, turn, text, data, last }, replay) {
  switch (kind) {
    case "interim":
      transcript.interim(text);
      break;
    case "transcript":
      transcript.final(turn, text, data.question === true);
      break;
    case "question":
      transcript.question(turn);
      turns.ask(turn, text);
      if (!replay) announce(`Question: ${text}`);
      break;
    case "answer":
      turns.write(turn, text, data, last);
      if (last && !replay) announce(turns.answerOf(turn));
      break;
    case "terms":
      turns.explain(turn, Array.isArray(data.terms) ? data.terms : []);
      break;
    case "turn":
      turns.end(turn, data);
      break;
  }
}

// Read out once and whole: an answer read as it streams would be a stutter.
function announce(text) {
  at("announcer").textContent = text;
}

function notice(text) {
  at("notice").textContent = text;
  at("notice").hidden = text === "";
}

// The token comes in the fragment, which browsers never send, and leaves the address bar at once.
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return given ?? sessionStorage.getItem("token");
}

function listenToKeys() {
  at("keys-button").addEventListener("click", () => at("keys").showModal());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || at("keys").open) return;
    const rows = [...document.querySelectorAll("#turns summary")];
    const here = rows.indexOf(document.activeElement);
    switch (event.key) {
      case "j":
        rows[Math.min(here + 1, rows.length - 1)]?.focus();
        break;
      case "k":
        rows[Math.max(here - 1, 0)]?.focus();
        break;
      case "h":
        at("transcript").focus();
        break;
      case "Escape":
        at("stage").focus();
        window.scrollTo({ top: 0 });
        break;
      case "?":
        at("keys").showModal();
        break;
      default:
        return;
    }
    event.preventDefault();
  });
}

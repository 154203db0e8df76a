// The WebSocket to the assistant: joins a session, answers pings at once, and comes back after a loss with the
// number of the last message it has, so that nothing is lost or shown twice. Knows nothing of the page.

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5000;
const SUBPROTOCOL = "latency-kit.viewer";
const CLOSE_NO_TOKEN = 4401;
const CLOSE_NO_SESSION = 4404;
const CLOSE_SESSION_ENDED = 1001;

export class Connection {
  #session;
  #token;
  #on;
  #socket = null;
  #channel = "";
  #lastSeq = 0;
  #retryMs = FIRST_RETRY_MS;
  #ended = false;
  #retryTimer = 0;

  // on: {hello(hello), messages(messages, awaited, receivedMs, replay), figures(figures), sessions(names),
  //      state(name, text)}
  constructor({ session, token, on }) {
    this.#session = session;
    this.#token = token;
    this.#on = on;
    window.addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => {
      this.send({ type: "visibility", hidden: document.hidden });
      if (!document.hidden) this.#retryNow();
    });
  }

  open() {
    this.#on.state("connecting", "Connecting");
    const address = new URL("viewer", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.hash = "";
    address.search = new URLSearchParams({
      session: this.#session,
      channel: this.#channel,
      after: String(this.#lastSeq),
    });
    // The token goes into a header: in the address it would stand in the logs of whatever lies between.
    const socket = new WebSocket(address, this.#token ? [SUBPROTOCOL, `token.${encoded(this.#token)}`] : [SUBPROTOCOL]);
    this.#socket = socket;
    socket.onmessage = (event) => {
      const receivedMs = performance.now();
      if (socket === this.#socket) this.#take(JSON.parse(event.data), receivedMs);
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#lost(event);
    };
  }

  openWith(token) {
    this.#token = token;
    this.open();
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #take(frame, receivedMs) {
    if (frame.type === "ping") {
      this.send({ type: "pong", number: frame.number, received_ms: receivedMs, replied_ms: performance.now() });
    } else if (frame.type === "messages") {
      const fresh = frame.messages.filter((message) => message.seq > this.#lastSeq);
      if (fresh.length === 0) return;
      this.#lastSeq = fresh[fresh.length - 1].seq;
      this.#on.messages(fresh, new Set(frame.awaited), receivedMs, frame.replay);
    } else if (frame.type === "figures") {
      this.#on.figures(frame.figures);
    } else if (frame.type === "hello") {
      this.#greeted(frame);
    } else if (frame.type === "sessions") {
      this.#on.sessions(frame.sessions);
    }
  }

  #greeted(hello) {
    const anew = this.#channel !== "" && this.#channel !== hello.channel;
    this.#retryMs = FIRST_RETRY_MS;
    this.#ended = false;
    this.#channel = hello.channel;
    if (hello.reset) this.#lastSeq = 0;
    this.#on.hello({ ...hello, anew });
    this.#on.state("live", "Live");
    this.send({ type: "visibility", hidden: document.hidden });
  }

  #lost(event) {
    this.#socket = null;
    if (event.code === CLOSE_NO_TOKEN) {
      this.#on.state("locked", this.#token ? "That is not the token" : "Token needed");
      return;
    }
    const why =
      event.code === CLOSE_NO_SESSION ? `No session “${this.#session}” is running`
      : event.code === CLOSE_SESSION_ENDED || this.#ended ? "The session has ended"
      : "Connection lost, trying again";
    // A server that went with its session refuses; that is no news.
    this.#ended = this.#ended || event.code === CLOSE_SESSION_ENDED;
    this.#on.state(this.#ended ? "ended" : "waiting", why);
    // Spread out, so that many viewers do not all come back in the same moment.
    this.#retryTimer = setTimeout(() => this.#retryNow(), this.#retryMs * (0.75 + Math.random() / 2));
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
  }

  #retryNow() {
    if (this.#retryTimer === 0 || this.#socket !== null) return;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = 0;
    this.open();
  }
}

// URL-safe base64 without padding: subprotocols take few characters.
function encoded(token) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(token));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// Brings messages into the document frame by frame, and tells when they were painted.
//
// The document is changed inside an animation frame; a task posted from there runs after that frame has been
// laid out and painted. What cannot wait is shown in the next frame; the rest shares one frame every 33 ms.

const MERGE_MS = 33;
const HALF_FRAME_MS = 8;
// A page in sight gets a frame every few milliseconds. One that gets none over so many ticks is seen by nobody
// (another window covers it, the display sleeps): the document is changed all the same, and the report says
// "hidden". Ticks follow each other rather than the clock, so that a machine that is merely busy is not taken
// for a covered window.
const NO_FRAME_TICKS = 20;
const TICK_MS = 100;

export class Painter {
  #apply;
  #urgent;
  #report;
  #waiting = [];
  #lastFrameMs = -Infinity;
  #frame = 0;
  #ticking = 0;
  #afterPaint = new MessageChannel();
  #painted = [];

  // apply(message, replay) changes the document; urgent(message) tells what cannot wait;
  // report(report) sends what was painted to the assistant.
  constructor({ apply, urgent, report }) {
    this.#apply = apply;
    this.#urgent = urgent;
    this.#report = report;
    this.#afterPaint.port1.onmessage = () => {
      const paintedMs = performance.now();
      for (const batch of this.#painted.splice(0)) this.#tell(batch, paintedMs);
    };
    document.addEventListener("visibilitychange", () => this.#schedule());
  }

  push(messages, awaited, receivedMs, replay) {
    for (const message of messages) {
      this.#waiting.push({ message, receivedMs, replay, awaited: awaited.has(message.seq) });
    }
    this.#schedule();
  }

  // Show what no report is made of and only the latest counts of.
  pushLatest(message) {
    this.#waiting = this.#waiting.filter((entry) => entry.message.kind !== message.kind);
    this.push([message], new Set(), 0, false);
  }

  // Forget what is not in the document yet.
  clear() {
    this.#waiting = [];
  }

  // Bring all that waits into the document now.
  flush() {
    if (this.#waiting.length > 0) this.#flush(document.hidden);
  }

  #schedule() {
    if (this.#waiting.length === 0) return;
    if (document.hidden) {
      this.#flush(true);
    } else if (this.#frame === 0) {
      this.#frame = requestAnimationFrame(() => this.#frameCame());
      if (this.#ticking === 0) this.#tick(NO_FRAME_TICKS);
    }
  }

  #tick(left) {
    this.#ticking = setTimeout(() => (left > 0 ? this.#tick(left - 1) : this.#flush(true)), TICK_MS);
  }

  // Frames are asked for while something waits, rather than a timer that would end just after one.
  #frameCame() {
    this.#frame = 0;
    clearTimeout(this.#ticking);
    this.#ticking = 0;
    const due = performance.now() - this.#lastFrameMs >= MERGE_MS - HALF_FRAME_MS;
    if (due || this.#waiting.some(({ message }) => this.#urgent(message))) this.#flush(false);
    else this.#schedule();
  }

  #flush(hidden) {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#ticking);
    this.#frame = this.#ticking = 0;
    this.#lastFrameMs = performance.now();
    const batch = this.#waiting.splice(0);
    for (const { message, replay } of batch) {
      try {
        this.#apply(message, replay);
      } catch (error) {
        console.error("message", message.seq, "cannot be shown:", error);
      }
    }
    const awaited = batch.filter((entry) => entry.awaited);
    if (awaited.length === 0) return;
    this.#painted.push({ awaited, domUpdatedMs: performance.now(), hidden });
    this.#afterPaint.port2.postMessage(null);
  }

  #tell({ awaited, domUpdatedMs, hidden }, paintedMs) {
    this.#report({
      type: "painted",
      messages: awaited.map(({ message, receivedMs }) => ({ seq: message.seq, received_ms: receivedMs })),
      dom_updated_ms: domUpdatedMs,
      painted_ms: paintedMs,
      replied_ms: performance.now(),
      hidden: hidden || document.hidden,
    });
  }
}

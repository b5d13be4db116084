// What the server tells as it happens: another tab's changes, and how far a propagation is.

import { at, CLIENT } from "./api.js";
import { soonQueue } from "./actions.js";
import { reload } from "./document.js";
import { forgetMasks } from "./masks.js";
import { complain, say } from "./status.js";
import { changed, on, state } from "./store.js";

let source = null;
let reloading = null;

export function listen() {
  on("film", connect);
}

function connect() {
  source?.close();
  source = new EventSource(at(state.key, "events"));
  const key = state.key;
  source.onmessage = (event) => key === state.key && hear(JSON.parse(event.data));
  source.onerror = () => setOffline(true);
  source.onopen = () => {
    if (state.offline) refresh(null);
    setOffline(false);
  };
}

function setOffline(offline) {
  if (state.offline !== offline) {
    state.offline = offline;
    changed("saved");
  }
}

// many messages, one reload at a time
function refresh(frames) {
  forgetMasks(frames);
  changed("frame");
  reloading ??= new Promise((done) => setTimeout(done, 120)).then(() => {
    reloading = null;
    return reload();
  }).catch(complain);
}

function hear(message) {
  if (message.kind === "changed") {
    if (message.by === CLIENT) return; // this tab had it in its answer
    refresh(message.frames);
    if (message.by) {
      say("another tab has changed this video");
      soonQueue();
    }
  } else if (message.kind === "progress") {
    state.run = message;
    changed("run", "timeline");
  } else if (message.kind === "version") {
    if (message.version > state.version) refresh(null); // changed while this tab did not listen yet
  } else if (message.kind === "lost") refresh(null);
  else ended(message);
}

function ended({ kind, done, error }) {
  state.run = null;
  changed("run", "timeline");
  soonQueue();
  if (kind === "failed") say(error, "error");
  else say(kind === "cancelled" ? `stopped; ${done} finished frames are kept` : `propagated: ${done} frames`);
}

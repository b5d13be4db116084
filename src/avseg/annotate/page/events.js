// Server-sent events: changes of other tabs and the progress of a propagation.

import { at, CLIENT } from "./api.js";
import { soonQueue } from "./actions.js";
import { reconnect } from "./connection.js";
import { loadRuns, reloadWhenSettled, setRuns } from "./document.js";
import { forgetMasks } from "./masks.js";
import { showError, showStatus } from "./status.js";
import { changed, on, state } from "./store.js";

let source = null;
let reloading = null;

export function startEvents() {
  on("film", connect);
}

function connect() {
  source?.close();
  source = new EventSource(at(state.key, "events"));
  const key = state.key;
  state.report = 0; // a server that was restarted counts anew
  source.onopen = () => key === state.key && loadRuns().catch(showError);
  source.onmessage = (event) => key === state.key && handleEvent(JSON.parse(event.data));
  // the browser would try again too, but not after a restart, when the video is not open yet
  source.onerror = () => {
    if (key !== state.key) return;
    source.close();
    reconnect().then(() => setTimeout(() => key === state.key && connect(), 500));
  };
}

// combine many events into one reload
function refresh(frames) {
  forgetMasks(frames);
  changed("frame");
  reloading ??= new Promise((done) => setTimeout(done, 120)).then(() => {
    reloading = null;
    return reloadWhenSettled();
  }).catch(showError);
}

function handleEvent(message) {
  if (message.kind === "changed") {
    if (message.by === CLIENT) return; // part of the response that this tab got
    refresh(message.frames);
    if (message.by) {
      showStatus("another tab has changed this video");
      soonQueue();
    }
  } else if (message.kind === "progress" || message.kind === "queued") setRuns(message);
  else if (message.kind === "version") {
    if (message.version > state.version) refresh(null); // changed before this tab was connected
  } else if (message.kind === "lost") refresh(null);
  else ended(message);
}

function ended(message) {
  const { kind, done, error, object } = message;
  setRuns(message);
  soonQueue();
  const name = state.objects.get(object)?.name ?? "";
  if (kind === "failed") showStatus(`${name}: ${error}`, "error");
  else showStatus(kind === "cancelled" ? `stopped; ${done} finished frames of ${name} are kept` : `propagated: ${done} frames of ${name}`);
}

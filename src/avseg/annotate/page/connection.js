// A server that does not answer: a banner, what was done meanwhile waits, and the page goes on when it is back.

import { at, post } from "./api.js";
import { applySnapshot } from "./document.js";
import { $ } from "./html.js";
import { forgetMasks } from "./masks.js";
import { showStatus } from "./status.js";
import { changed, state } from "./store.js";

const FIRST = 150; // ms until the first new attempt
const MOST = 2000;
let pending = null;

// true if the server was not reached, is stopping, or has been restarted and has not opened the video yet
export const isLost = (error) => [0, 502, 503, 504].includes(error.status) || (error.status === 409 && error.body?.version === undefined);

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// wait until the server is back and has the video open; one attempt for all that wait
export function reconnect() {
  pending ??= (async () => {
    const key = state.key;
    for (let wait = FIRST; ; wait = Math.min(MOST, wait * 1.5)) {
      try {
        const opened = await post(at(key, "open"));
        if (key === state.key) {
          forgetMasks();
          state.version = 0; // whatever the folder has now
          applySnapshot(opened.snapshot);
          changed("frame");
        }
        break;
      } catch (error) {
        setOffline(true, error.status === 401 ? "the server was restarted with another token: open the address that it printed" : "");
        await sleep(wait);
      }
    }
    setOffline(false);
  })().finally(() => (pending = null));
  return pending;
}

export function setOffline(offline, reason = "") {
  $("lost").hidden = !offline;
  $("lost-text").textContent = reason || "The server does not respond. What you do is kept here and sent when it is back.";
  if (state.offline === offline) return;
  state.offline = offline;
  if (!offline) showStatus("connected again");
  changed("saved");
}

// Requests that change something, one at a time and in order. A lost server loses none: they wait until it is back, and
// their ids keep it from carrying out twice what it had done before its answer was lost.

import { confirmed } from "./added.js";
import { at, CLIENT, post } from "./api.js";
import { isLost, reconnect } from "./connection.js";
import { showError } from "./status.js";
import { changed, state } from "./store.js";

const waiting = []; // {key, path, body(), id, onAnswer, drawn, quiet}
let running = null;
let count = 0;

export const isBusy = () => state.requests > 0;
export const lastWaiting = () => waiting[waiting.length - 1];

// queue a request to the open video; `body` is called when it is sent, and returns null if there is nothing to do by
// then. Resolves to the answer, false if it was refused.
export function enqueue(path, body, { onAnswer, drawn, quiet = false } = {}) {
  const id = `${CLIENT}-${++count}`;
  const job = { key: state.key, path, body, id, onAnswer, drawn, quiet };
  job.promise = new Promise((resolve) => (job.resolve = resolve));
  waiting.push(job);
  state.requests++;
  if (!quiet) state.saving++;
  changed("saved");
  pump();
  return job.promise;
}

async function pump() {
  if (running) return;
  while (waiting.length) {
    running = waiting.shift();
    const answer = await run(running);
    if (!running.quiet) state.saving--;
    running.resolve(answer);
    running = null;
    state.requests--;
  }
  changed("saved");
}

async function run(job) {
  for (let attempt = 0; ; attempt++) {
    if (job.key !== state.key) return false;
    try {
      const asked = job.body();
      const body = asked && confirmed(asked);
      if (body === null) return false;
      const answer = await post(at(job.key, job.path), body, { request: job.id });
      if (job.key !== state.key) return false;
      await job.onAnswer?.(answer, null);
      return answer;
    } catch (error) {
      if (isLost(error)) {
        await reconnect();
        continue;
      }
      if (await job.onAnswer?.(null, error, attempt)) continue; // it is to be tried again
      showError(error);
      return false;
    }
  }
}

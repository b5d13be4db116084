// Time and clicks per segment, as long as somebody is at work: what an annotation costs.

import { at, post } from "./api.js";
import { state } from "./store.js";

const IDLE = 20_000; // ms without a key or the mouse
const EVERY = 5_000;
let active = 0;
let spent = 0;
let clicks = 0;
let segment = null;

export const clicked = () => clicks++;

export function startSpending() {
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) {
    window.addEventListener(kind, () => (active = performance.now()), { passive: true, capture: true });
  }
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    if (now - active < IDLE && !document.hidden) spent += (now - last) / 1000;
    last = now;
    if (segment !== state.segment || spent * 1000 >= EVERY) send();
  }, 1000);
}

function send() {
  const [who, seconds, count] = [segment, spent, clicks];
  segment = state.segment;
  spent = 0;
  clicks = 0;
  if (who === null || !state.segments.has(who) || (seconds < 0.5 && !count)) return;
  const one = state.segments.get(who);
  one.seconds = (one.seconds ?? 0) + seconds;
  one.clicks = (one.clicks ?? 0) + count;
  post(at(state.key, "spend"), { segment: who, seconds, clicks: count }).catch(() => {});
}

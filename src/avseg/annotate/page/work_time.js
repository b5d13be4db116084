// Measure time and clicks per segment while the user is active: the cost of an annotation.

import { at, post } from "./api.js";
import { state } from "./store.js";

const IDLE = 20_000; // ms without keyboard or mouse input
const EVERY = 5_000;
let active = 0;
let spent = 0;
let clicks = 0;
let segment = null;

export const countClick = () => clicks++;

export function startWorkTimer() {
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
  const [segmentId, seconds, count] = [segment, spent, clicks];
  segment = state.segment;
  spent = 0;
  clicks = 0;
  if (segmentId === null || !state.segments.has(segmentId) || (seconds < 0.5 && !count)) return;
  const segmentRow = state.segments.get(segmentId);
  segmentRow.seconds = (segmentRow.seconds ?? 0) + seconds;
  segmentRow.clicks = (segmentRow.clicks ?? 0) + count;
  post(at(state.key, "spend"), { segment: segmentId, seconds, clicks: count }).catch(() => {});
}

// Measure time and clicks per segment while the user is active: the cost of an annotation.

import { at, post } from "./api.js";
import { on, state } from "./store.js";

const IDLE = 20_000; // ms without keyboard or mouse input
const EVERY = 5_000;
let active = 0;
let spent = 0;
let clicks = 0;
let video = null; // key
let segment = null; // of that video

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
    if (video !== state.key || (segment ?? 0) !== Math.max(0, state.segment ?? 0) || spent * 1000 >= EVERY) send();
  }, 1000);
  on("film", () => video !== state.key && send());
  window.addEventListener("pagehide", send);
}

function send() {
  const [key, segmentId, seconds, count] = [video, segment, spent, clicks];
  video = state.key;
  segment = state.segment > 0 ? state.segment : null; // one that is being added is not counted yet
  // the last seconds before there is a segment are those of the first one
  if (segmentId === null && key === video && segment !== null) return;
  spent = 0;
  clicks = 0;
  if (segmentId === null || (seconds < 0.5 && !count)) return;
  const segmentRow = key === video ? state.segments.get(segmentId) : null;
  if (segmentRow) {
    segmentRow.seconds = (segmentRow.seconds ?? 0) + seconds;
    segmentRow.clicks = (segmentRow.clicks ?? 0) + count;
  }
  post(at(key, "spend"), { segment: segmentId, seconds: Math.round(seconds * 100) / 100, clicks: count }, { keepalive: true }).catch(() => {});
}

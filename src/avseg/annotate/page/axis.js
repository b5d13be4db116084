// Axis of the timeline: convert seconds and pixels, zoom and pan, layout of the lanes.

import { $ } from "./html.js";
import { changed, frameAt, on, segmentAt, state } from "./store.js";

export const GUTTER = 104; // width of the lane names
export const RULER = 26;
export const WAVE = 46;
export const HEAT = 40;
export const LANE = 38;
export const TOP = RULER + WAVE + HEAT + 6; // top of the lanes
const canvas = $("time");
export const scroll = { top: 0 };

export const width = () => Math.max(1, canvas.clientWidth - GUTTER - 10);
export const xOf = (time) => GUTTER + ((time - state.range.from) / (state.range.to - state.range.from)) * width();
export const timeOf = (x) => state.range.from + ((x - GUTTER) / width()) * (state.range.to - state.range.from);
export const xOfFrame = (frame) => xOf(state.times[Math.max(0, Math.min(frame, state.times.length - 1))] ?? 0);
export const frameOf = (x) => frameAt(Math.max(0, timeOf(x)));
// the nearest border between two frames, to which edges snap
export function borderOf(x) {
  const frame = frameOf(x);
  return x - xOfFrame(frame) < xOfFrame(frame + 1) - x ? frame : frame + 1;
}

export const lanes = () => [...state.objects.keys()];
export const laneTop = (row) => TOP + row * LANE - scroll.top;
export function laneAt(y) {
  if (y < TOP) return null;
  return lanes()[Math.floor((y - TOP + scroll.top) / LANE)] ?? null;
}

// no further than to the last lane: there may be fewer of them now, or more room
export function boundScroll() {
  const most = Math.max(0, lanes().length * LANE - (canvas.clientHeight - TOP));
  scroll.top = Math.max(0, Math.min(most, scroll.top));
}

export function scrollLanes(by) {
  scroll.top += by;
  boundScroll();
  changed("timeline");
}

// scroll the lane of the selected object into view
export function showLane() {
  const row = lanes().indexOf(state.object);
  if (row < 0) return;
  const low = (row + 1) * LANE - (canvas.clientHeight - TOP);
  scroll.top = Math.max(0, Math.min(row * LANE, Math.max(scroll.top, low)));
}

let seen = null; // object whose lane was scrolled into view
export function followLane() {
  on("document film", () => {
    if (seen === state.object || !lanes().includes(state.object)) return;
    seen = state.object;
    showLane();
    changed("timeline");
  });
}

export function zoomTime(factor, x) {
  const middle = timeOf(x);
  const { from, to } = state.range;
  setRange(middle - (middle - from) * factor, middle + (to - middle) * factor);
}

export function panTime(seconds) {
  const length = state.range.to - state.range.from;
  const from = Math.max(0, Math.min(state.film.duration - length, state.range.from + seconds));
  setRange(from, from + length);
}

export function setRange(from, to) {
  const whole = state.times[state.times.length - 1] || 1;
  const least = Math.min(whole, 8 / (state.film?.fps || 25));
  const length = Math.min(whole, Math.max(least, to - from));
  from = Math.max(0, Math.min(whole - length, from));
  state.range = { from, to: from + length };
  changed("timeline");
}

export const zoomAll = () => state.film && setRange(0, Infinity);

export function zoomSegment() {
  const segment = segmentAt(state.object, state.frame) ?? state.segments.get(state.segment);
  if (!segment) return zoomAll();
  const [from, to] = [state.times[segment.start], state.times[segment.end]];
  const margin = 0.12 * (to - from);
  return setRange(from - margin, to + margin);
}

// keep the playhead visible
export function followPlayhead() {
  on("frame", () => {
    if (!state.film) return;
    const time = state.times[state.frame];
    const { from, to } = state.range;
    if (time < from || time >= to) setRange(time - 0.1 * (to - from), time + 0.9 * (to - from));
  });
}

// Masks of frames as run lengths and as canvases ready to paint; what changed is asked for again.

import { at, getJson } from "./api.js";
import { rgb } from "./palette.js";
import { paint } from "./rle.js";
import { changed, state } from "./store.js";

let kept = new Map(); // frame -> Map(object -> {rle, before, points, box, info..., painted})
let coming = new Map();
const stale = new Set(); // frames that are still shown as they were
const MOST = 600; // frames
const BLOCK = 16;

// ranges: [[start, end], ...] in frames, null = all. What is shown stays until its successor is here.
export function forgetMasks(ranges = null) {
  coming = new Map(); // what is on its way may be too old
  if (ranges === null) ranges = [[0, Infinity]];
  for (const frame of [...kept.keys()]) {
    if (ranges.some(([start, end]) => start <= frame && frame < end)) {
      if (frame === state.frame) stale.add(frame);
      else kept.delete(frame);
    }
  }
}

export function clearMasks() {
  kept = new Map();
  coming = new Map();
  stale.clear();
}

export const masksAt = (frame) => kept.get(frame);
export const maskOf = (object, frame) => kept.get(frame)?.get(object);

// a block of frames at a time: who looks at one frame will look at its neighbours
export function fetchMasks(frame) {
  if (kept.has(frame) && !stale.has(frame)) return Promise.resolve();
  const start = frame - (frame % BLOCK);
  if (coming.has(start)) return coming.get(start);
  const key = state.key;
  const mine = coming;
  const end = Math.min(start + BLOCK, state.film.frames);
  const promise = getJson(at(key, `masks?start=${start}&end=${end}`)).then((answer) => {
    if (key !== state.key || mine !== coming) return undefined; // changed meanwhile
    mine.delete(start);
    answer.frames.forEach(put);
    changed("masks");
    return undefined;
  }).finally(() => mine.delete(start));
  coming.set(start, promise);
  return promise;
}

// what the server says of one frame: {frame, masks: [{object, rle, before, points, box, source, ...}]}
export function put({ frame, masks }) {
  kept.delete(frame);
  stale.delete(frame);
  kept.set(frame, new Map(masks.map((mask) => [mask.object, mask])));
  if (kept.size > MOST) kept.delete(kept.keys().next().value);
}

// the canvas of a mask in the colour of its object
export function painted(mask, rle, which, opacity) {
  const object = state.objects.get(mask.object);
  if (!rle || !object) return null;
  const sign = `${opacity}${object.colour}`;
  mask.canvases ??= {};
  if (mask.canvases[which]?.sign !== sign || mask.canvases[which].rle !== rle) {
    mask.canvases[which] = { sign, rle, picture: paint(rle, rgb(object.colour), opacity) };
  }
  return mask.canvases[which].picture;
}

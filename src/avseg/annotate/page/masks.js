// Cache of masks as run lengths and as painted canvases; changed masks are fetched again.

import { at, getJson } from "./api.js";
import { rgb } from "./palette.js";
import { paint } from "./rle.js";
import { changed, state } from "./store.js";

let cached = new Map(); // frame -> Map(object -> {rle, before, points, box, info..., painted})
let pending = new Map();
const stale = new Set(); // frames whose old masks are shown until the new ones arrive
const MAX_FRAMES = 600;
const BLOCK = 16;

// ranges: [[start, end], ...] in frames, null = all. Visible masks stay until the new ones arrive.
export function forgetMasks(ranges = null) {
  pending = new Map(); // pending responses may be out of date
  if (ranges === null) ranges = [[0, Infinity]];
  for (const frame of [...cached.keys()]) {
    if (ranges.some(([start, end]) => start <= frame && frame < end)) {
      if (frame === state.frame) stale.add(frame);
      else cached.delete(frame);
    }
  }
}

export function clearMasks() {
  cached = new Map();
  pending = new Map();
  stale.clear();
}

export const masksAt = (frame) => cached.get(frame);
export const maskOf = (object, frame) => cached.get(frame)?.get(object);

// fetch a block of frames: the neighbours of a frame are needed soon
export function fetchMasks(frame) {
  if (cached.has(frame) && !stale.has(frame)) return Promise.resolve();
  const start = frame - (frame % BLOCK);
  if (pending.has(start)) return pending.get(start);
  const key = state.key;
  const mine = pending;
  const end = Math.min(start + BLOCK, state.film.frames);
  const promise = getJson(at(key, `masks?start=${start}&end=${end}`)).then((answer) => {
    if (key !== state.key || mine !== pending) return undefined; // out of date
    mine.delete(start);
    answer.frames.forEach(put);
    changed("masks");
    return undefined;
  }).finally(() => mine.delete(start));
  pending.set(start, promise);
  return promise;
}

// store the masks of one frame: {frame, masks: [{object, rle, before, points, box, source, ...}]}
export function put({ frame, masks }) {
  cached.delete(frame);
  stale.delete(frame);
  cached.set(frame, new Map(masks.map((mask) => [mask.object, mask])));
  if (cached.size > MAX_FRAMES) cached.delete(cached.keys().next().value);
}

// the canvas of a mask in the colour of its object
export function painted(mask, rle, which, opacity) {
  const object = state.objects.get(mask.object);
  if (!rle || !object) return null;
  const cacheKey = `${opacity}${object.colour}`;
  mask.canvases ??= {};
  if (mask.canvases[which]?.cacheKey !== cacheKey || mask.canvases[which].rle !== rle) {
    mask.canvases[which] = { cacheKey, rle, image: paint(rle, rgb(object.colour), opacity) };
  }
  return mask.canvases[which].image;
}

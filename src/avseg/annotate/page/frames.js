// Cache of frame images: fetched as JPEG, decoded off the main thread, neighbours fetched ahead.

import { at, getBlob } from "./api.js";
import { state } from "./store.js";

const BYTES = 256 * 2 ** 20; // of decoded images
const AHEAD = 4;
let cached = new Map(); // frame -> ImageBitmap, oldest first
let pending = new Map(); // frame -> promise

export function forgetFrames() {
  for (const bitmap of cached.values()) bitmap.close();
  cached = new Map();
  pending = new Map();
}

export const ready = (frame) => cached.get(frame);

export function fetchFrame(frame) {
  const here = cached.get(frame);
  if (here) {
    cached.delete(frame);
    cached.set(frame, here);
    return Promise.resolve(here);
  }
  if (pending.has(frame)) return pending.get(frame);
  const key = state.key;
  const mine = pending;
  const promise = (async () => {
    const blob = await getBlob(at(key, `frames/${frame}?v=${state.film.tag}`));
    const bitmap = await createImageBitmap(blob);
    if (key === state.key && mine === pending) keep(frame, bitmap);
    return bitmap;
  })().finally(() => mine.delete(frame));
  pending.set(frame, promise);
  return promise;
}

function keep(frame, bitmap) {
  cached.set(frame, bitmap);
  const most = Math.max(8, Math.floor(BYTES / (4 * bitmap.width * bitmap.height)));
  for (const [old, oldBitmap] of cached) {
    if (cached.size <= most) break;
    if (old === state.frame) continue;
    cached.delete(old);
    oldBitmap.close();
  }
}

// prefetch the next frames while no other request is pending
export function fetchAhead(frame, step = 1, count = AHEAD) {
  for (let i = 1; i <= count; i++) {
    const next = frame + i * step;
    if (next < 0 || next >= state.film.frames || cached.has(next) || pending.size >= 3) continue;
    fetchFrame(next).catch(() => {});
  }
}

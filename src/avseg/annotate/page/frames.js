// Pictures of frames: fetched as JPEG, decoded off the main thread, the last ones kept, neighbours fetched ahead.

import { at, getBlob } from "./api.js";
import { state } from "./store.js";

const BYTES = 256 * 2 ** 20; // of decoded pictures
const AHEAD = 4;
let kept = new Map(); // frame -> ImageBitmap, oldest first
let coming = new Map(); // frame -> promise

export function forgetFrames() {
  for (const picture of kept.values()) picture.close();
  kept = new Map();
  coming = new Map();
}

export const ready = (frame) => kept.get(frame);

export function fetchFrame(frame) {
  const here = kept.get(frame);
  if (here) {
    kept.delete(frame);
    kept.set(frame, here);
    return Promise.resolve(here);
  }
  if (coming.has(frame)) return coming.get(frame);
  const key = state.key;
  const mine = coming;
  const promise = (async () => {
    const blob = await getBlob(at(key, `frames/${frame}?v=${state.film.tag}`));
    const picture = await createImageBitmap(blob);
    if (key === state.key && mine === coming) keep(frame, picture);
    return picture;
  })().finally(() => mine.delete(frame));
  coming.set(frame, promise);
  return promise;
}

function keep(frame, picture) {
  kept.set(frame, picture);
  const most = Math.max(8, Math.floor(BYTES / (4 * picture.width * picture.height)));
  for (const [old, picture_] of kept) {
    if (kept.size <= most) break;
    if (old === state.frame) continue;
    kept.delete(old);
    picture_.close();
  }
}

// fetches what will be wanted next, only while nothing else is on the way
export function fetchAhead(frame, step = 1, count = AHEAD) {
  for (let i = 1; i <= count; i++) {
    const next = frame + i * step;
    if (next < 0 || next >= state.film.frames || kept.has(next) || coming.size >= 3) continue;
    fetchFrame(next).catch(() => {});
  }
}

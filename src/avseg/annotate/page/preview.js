// The mask that a click would give, under the pointer, where the backend is fast enough and has encoded the frame.

import { at, post } from "./api.js";
import { paint } from "./rle.js";
import { isBusy } from "./requests.js";
import { settings } from "./settings.js";
import { changed, look, on, segmentAt, state } from "./store.js";

const PAUSE = 50; // ms without a movement
const AGAIN = 250; // ms until the frame may have been encoded
const SLOW = 30_000; // ms without previews after the server has said that the backend is slow
const INK = [255, 255, 255]; // no colour of an object
let shown = null; // {picture, object, frame, version}
let spot = null; // {x, y, positive}: the latest one
let timer = 0;
let busy = false;
let slowUntil = 0;

export function startPreview() {
  on("frame film document tool play settings run", () => shown && !matches(shown) && clearPreview());
}

const matches = (preview) => preview && preview.object === state.object && preview.frame === state.frame && preview.version === state.version && isUseful();

function isUseful() {
  return settings.preview && state.film && state.tool === "points" && !state.playing && !state.run && state.object !== null
    && !look.locked.has(state.object) && segmentAt(state.object, state.frame) !== null;
}

// ask for the mask of a click at a position in the picture
export function askPreview([x, y], positive) {
  if (!isUseful() || performance.now() < slowUntil) return clearPreview();
  if (matches(shown) && shown.x === x && shown.y === y && shown.positive === positive) return undefined;
  spot = { x, y, positive };
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE);
  return undefined;
}

export function clearPreview() {
  clearTimeout(timer);
  spot = null;
  if (!shown) return;
  shown = null;
  changed("draft");
}

// one request at a time, of the latest position
async function ask() {
  if (busy || !spot || !isUseful()) return;
  if (isBusy()) {
    timer = setTimeout(ask, PAUSE);
    return;
  }
  const asked = spot;
  const { object, frame, version, key } = state;
  busy = true;
  const answer = await post(at(key, "preview"), { object, frame, ...asked }).catch(() => null);
  busy = false;
  if (!spot || key !== state.key) return;
  if (answer?.slow) {
    slowUntil = performance.now() + SLOW;
    clearPreview();
  } else if (answer?.mask) {
    shown = { picture: paint(answer.mask, INK, 0.28), object, frame, version, ...asked };
    changed("draft");
    if (spot !== asked) ask();
  } else if (answer || spot !== asked) timer = setTimeout(ask, AGAIN);
}

// {canvas, left, top} of the mask to show, null without one
export const previewed = () => (matches(shown) ? shown.picture : null);

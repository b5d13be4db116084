// A pointer for the keyboard: keys move a crosshair on the frame, press and release it like the button of a mouse.

import { $ } from "./html.js";
import { draft } from "./stage.js";
import { showStatus } from "./status.js";
import { changed, on, state } from "./store.js";
import { cancelDrag, down, isDragging, move, up } from "./tools.js";
import { pan, toCanvas, toPicture, view } from "./view.js";

const canvas = $("stage");
const MARGIN = 24; // pixels on the screen that stay visible around the crosshair

export function startCrosshair() {
  canvas.addEventListener("pointermove", hideCrosshair);
  canvas.addEventListener("pointerdown", hideCrosshair);
  on("film", hideCrosshair);
}

function hideCrosshair() {
  if (!draft.cross) return;
  draft.cross = null;
  changed("draft");
}

// what the tools read of an event of a mouse
function gesture({ minus = false, remove = false } = {}) {
  const [offsetX, offsetY] = toCanvas(...draft.cross);
  return { offsetX, offsetY, pointerId: null, button: remove ? 2 : 0, buttons: 0, detail: 1, altKey: minus, ctrlKey: false, metaKey: false, shiftKey: false, preventDefault: () => {} };
}

function begin() {
  if (!state.film || state.playing) return false;
  draft.cross ??= draft.cursor ?? toPicture(canvas.clientWidth / 2, canvas.clientHeight / 2);
  draft.cross = bounded(draft.cross);
  return true;
}

const bounded = ([x, y]) => [Math.max(0, Math.min(state.film.width - 0.5, x)), Math.max(0, Math.min(state.film.height - 0.5, y))];

// move the crosshair by pixels of the screen
export function moveCrosshair(dx, dy) {
  if (!begin()) return;
  const [x, y] = toCanvas(...draft.cross);
  draft.cross = bounded(toPicture(x + dx, y + dy));
  keepInSight();
  move(gesture());
  showStatus(`${isDragging() ? "drawing, " : ""}x ${Math.round(draft.cross[0])}, y ${Math.round(draft.cross[1])}`);
  changed("draft");
}

function keepInSight() {
  if (view.fitted) return; // all of the picture is in sight
  const [x, y] = toCanvas(...draft.cross);
  const beyond = (value, size) => Math.min(0, size - MARGIN - value) + Math.max(0, MARGIN - value);
  const [dx, dy] = [beyond(x, canvas.clientWidth), beyond(y, canvas.clientHeight)];
  if (dx || dy) pan(dx, dy);
}

// A point, the corner of a polygon, or the first or last place of a drag: of a box, a stroke, a point or a side of the box.
export function pressCrosshair(minus = false) {
  if (!begin()) return;
  if (isDragging()) return up();
  down(gesture({ minus }));
  changed("draft");
}

// remove the point or the box at the crosshair
export function removeAtCrosshair() {
  if (!begin()) return;
  if (["points", "box"].includes(state.tool)) down(gesture({ remove: true }), true);
}

// true if there was a drag to end without an effect
export function releaseCrosshair() {
  if (!draft.cross || !isDragging()) return false;
  cancelDrag();
  return true;
}

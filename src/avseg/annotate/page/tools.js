// Input on the frame by a mouse, a pen or the crosshair of the keyboard: points (left = on the object, right = off, drag = move, Shift = flip), box, brush, eraser.

import { canMark, draw } from "./actions.js";
import { changePoint, newId, point, promptsOf } from "./drafts.js";
import { $ } from "./html.js";
import { askPreview, clearPreview } from "./preview.js";
import { draft, goTo } from "./stage.js";
import { changed, on, state } from "./store.js";
import { inPicture, pan, toCanvas, toPicture, view, zoom } from "./view.js";

const canvas = $("stage");
const NEAR = 10; // pixels on the screen
const EDGE = 6;
const MAX_PATH = 3000; // points of a stroke that are sent
let drag = null;
let pointer = null; // {x, y} on the canvas, alt, pressed: of the mouse or the crosshair, null outside

export function startTools() {
  canvas.addEventListener("pointerdown", (event) => down(event));
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", cancelDrag);
  canvas.addEventListener("pointerleave", () => {
    draft.cursor = pointer = null;
    clearPreview();
    changed("draft");
  });
  // what is under a pointer that rests changes, too
  on("frame film document view tool play settings run", preview);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", wheel, { passive: false });
}

export function choose(tool) {
  if (tool !== "polygon") draft.polygon = null;
  state.tool = tool;
  changed("tool", "draft");
}

export function resizeBrush(factor) {
  state.brush = Math.max(1, Math.min(120, state.brush * factor));
  changed("tool");
}

const place = (event) => [event.offsetX, event.offsetY];
const prompts = () => promptsOf(state.object, state.frame);
const rounded = (value) => Math.round(value * 100) / 100;

function pointNear(x, y) {
  return prompts().points.find((point) => {
    const [cx, cy] = toCanvas(point.x, point.y);
    return Math.hypot(cx - x, cy - y) < NEAR;
  });
}

// the sides of the box near a place on the canvas, as indices of [left, top, right, bottom]
function sidesNear(x, y) {
  const box = prompts().box;
  if (!box) return [];
  const [x0, y0] = toCanvas(box.values[0], box.values[1]);
  const [x1, y1] = toCanvas(box.values[2], box.values[3]);
  if (x < x0 - EDGE || x > x1 + EDGE || y < y0 - EDGE || y > y1 + EDGE) return [];
  return [x - x0, y - y0, x - x1, y - y1].map(Math.abs).flatMap((distance, side) => (distance < EDGE ? [side] : []));
}

export const isDragging = () => drag !== null;

// `onlyRemove`: of the points and the box that are there
export function down(event, onlyRemove = false) {
  if (!state.film) return undefined;
  if (event.pointerId !== null) canvas.focus();
  const [x, y] = place(event);
  if (event.button === 1 || event.ctrlKey || event.metaKey) return begin(event, { kind: "pan", x, y });
  const at = toPicture(x, y);
  if (state.playing || !inPicture(...at) || !canMark()) return undefined;
  if (onlyRemove && !pointNear(x, y) && !sidesNear(x, y).length) return undefined;
  const sides = ["points", "box"].includes(state.tool) && !pointNear(x, y) ? sidesNear(x, y) : [];
  if (sides.length) downBox(event, sides);
  else if (state.tool === "points") downPoint(event, x, y, at);
  else if (state.tool === "box" && event.button === 0) begin(event, { kind: "box", from: at });
  else if (state.tool === "polygon") downCorner(event, at);
  else if (state.tool === "brush" || state.tool === "eraser") {
    const erase = (state.tool === "eraser") !== (event.button === 2 || minus(event));
    draft.stroke = { path: [at], radius: state.brush, erase };
    begin(event, { kind: "stroke" });
  }
  return undefined;
}

const minus = (event) => event.altKey || state.minus;

function begin(event, what) {
  clearPreview();
  drag = { ...what, object: state.object, frame: state.frame };
  if (event.pointerId !== null) canvas.setPointerCapture(event.pointerId);
  event.preventDefault();
  changed("draft");
}

function downCorner(event, at) {
  event.preventDefault();
  const erase = draft.polygon?.erase ?? (event.button === 2 || minus(event));
  const corners = [...(draft.polygon?.corners ?? []), at.map(rounded)];
  const first = toCanvas(...corners[0]);
  const closes = corners.length > 3 && Math.hypot(place(event)[0] - first[0], place(event)[1] - first[1]) < NEAR;
  draft.polygon = { corners: closes ? corners.slice(0, -1) : corners, erase };
  if (closes || event.detail > 1) closePolygon();
  changed("draft");
}

// true if there was a polygon to close
export function closePolygon() {
  const { corners, erase } = draft.polygon ?? { corners: [] };
  if (!corners.length) return false;
  const distinct = corners.filter(([x, y], i) => !i || Math.hypot(x - corners[i - 1][0], y - corners[i - 1][1]) > 0.5);
  draft.polygon = null;
  if (distinct.length > 2) draw({ put: { id: newId(), kind: "polygon", values: distinct.flat(), positive: erase ? 0 : 1 } });
  changed("draft");
  return true;
}

// take back the last corner, or all of them; true if there was one
export function dropCorner(all = false) {
  if (!draft.polygon) return false;
  const corners = all ? [] : draft.polygon.corners.slice(0, -1);
  draft.polygon = corners.length ? { ...draft.polygon, corners } : null;
  changed("draft");
  return true;
}

function downBox(event, sides) {
  const box = prompts().box;
  if (event.button === 2) return draw({ remove: box.id });
  draft.box = [...box.values];
  return begin(event, { kind: "side", sides, id: box.id });
}

function downPoint(event, x, y, at) {
  const near = pointNear(x, y);
  const { object, frame } = state;
  if (near && event.shiftKey) return draw(changePoint(object, frame, near.id, (input) => ({ ...input, positive: input.positive ? 0 : 1 })));
  if (near && event.button === 2) return draw(changePoint(object, frame, near.id, () => null));
  if (near && event.button === 0) return begin(event, { kind: "point", id: near.id, moved: false });
  return draw({ put: point(rounded(at[0]), rounded(at[1]), !(event.button === 2 || minus(event))) });
}

export function move(event) {
  const [x, y] = place(event);
  const at = state.film ? toPicture(x, y) : [0, 0];
  draft.cursor = at;
  if (drag?.kind === "pan") {
    pan(x - drag.x, y - drag.y);
    Object.assign(drag, { x, y });
  } else if (drag?.kind === "point") {
    draft.moved = { id: drag.id, at: bounded(at) };
    drag.moved = true;
  } else if (drag?.kind === "box") draft.box = boxOf(drag.from, bounded(at));
  else if (drag?.kind === "side") {
    for (const side of drag.sides) draft.box[side] = bounded(at)[side % 2];
  } else if (drag?.kind === "stroke") extend(draft.stroke.path, at);
  if (drag || ["brush", "eraser", "polygon"].includes(state.tool)) changed("draft");
  canvas.style.cursor = cursor(x, y);
  pointer = { x, y, alt: event.altKey, pressed: Boolean(event.buttons) };
  preview();
}

// show what a click of the left button would give
function preview() {
  if (!pointer || pointer.pressed || drag || !state.film || state.tool !== "points") return clearPreview();
  const at = toPicture(pointer.x, pointer.y);
  // rounded like the point of a click, whose mask the server then has already
  return inPicture(...at) && !pointNear(pointer.x, pointer.y) ? askPreview(at.map(rounded), !minus({ altKey: pointer.alt })) : clearPreview();
}

function extend(path, at) {
  const [x, y] = path[path.length - 1];
  if (Math.hypot(at[0] - x, at[1] - y) >= 0.5) path.push(at);
}

function cursor(x, y) {
  if (drag?.kind === "pan") return "grabbing";
  if (state.tool === "brush" || state.tool === "eraser") return "none";
  if (state.tool === "points" && pointNear(x, y)) return "move";
  const sides = sidesNear(x, y);
  if (sides.length === 2) return sides.includes(0) === sides.includes(1) ? "nwse-resize" : "nesw-resize";
  return sides.length ? (sides[0] % 2 ? "ns-resize" : "ew-resize") : "crosshair";
}

const bounded = ([x, y]) => [rounded(Math.max(0, Math.min(state.film.width - 1, x))), rounded(Math.max(0, Math.min(state.film.height - 1, y)))];
const boxOf = ([ax, ay], [bx, by]) => [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)].map(rounded);

export function up() {
  const done = drag;
  const { moved, box, stroke } = draft;
  cancelDrag();
  if (!done || done.frame !== state.frame || done.object !== state.object) return;
  if (done.kind === "point" && moved) draw(changePoint(done.object, done.frame, done.id, (input) => ({ ...input, values: moved.at })));
  else if ((done.kind === "box" || done.kind === "side") && box && Math.abs(box[2] - box[0]) > 2 && Math.abs(box[3] - box[1]) > 2) {
    draw({ put: { id: done.id ?? newId(), kind: "box", values: boxOf(box.slice(0, 2), box.slice(2)) } });
  } else if (done.kind === "stroke") finishStroke(stroke);
}

export function cancelDrag() {
  drag = null;
  Object.assign(draft, { moved: null, box: null, stroke: null });
  changed("draft");
}

function finishStroke({ path, radius, erase }) {
  const every = Math.ceil(path.length / MAX_PATH);
  const kept = path.filter((_, i) => i % every === 0 || i === path.length - 1);
  draw({ put: { id: newId(), kind: "stroke", values: kept.flat().map(rounded), radius, positive: erase ? 0 : 1 } });
}

// A mouse turns by whole notches; two fingers on a touchpad move by any distance, and pan. Ctrl, which a browser also
// reports for a pinch, zooms by the distance that was moved.
let fingers = -Infinity; // time of the last event that no mouse makes

function isNotch(event) {
  if (event.deltaMode !== 0) return true;
  const notch = event.deltaX === 0 && Number.isInteger(event.deltaY) && Math.abs(event.deltaY) >= 100;
  if (!notch) fingers = event.timeStamp;
  return notch && event.timeStamp - fingers > 300;
}

function wheel(event) {
  event.preventDefault();
  if (!state.film) return;
  const notch = isNotch(event);
  const unit = event.deltaMode === 1 ? 40 : 1; // lines
  if (event.ctrlKey || event.metaKey) return zoom(Math.exp(-event.deltaY * unit * (notch ? 0.0018 : 0.01)), ...place(event));
  if (!notch) return pan(-event.deltaX, -event.deltaY);
  const up = event.deltaY < 0;
  if (event.shiftKey) return goTo(state.frame + (up ? -1 : 1));
  if (state.tool === "brush" || state.tool === "eraser") return resizeBrush(up ? 1.15 : 1 / 1.15);
  return zoom(Math.exp(-event.deltaY * unit * 0.0018), ...place(event));
}

export function switchSign() {
  state.minus = !state.minus;
  changed("tool");
}

export const zoomBy = (factor) => zoom(factor, canvas.clientWidth / 2, canvas.clientHeight / 2);
export const fitView = async () => {
  view.fitted = true;
  const { fit } = await import("./view.js");
  fit(canvas.clientWidth, canvas.clientHeight);
  changed("view");
};

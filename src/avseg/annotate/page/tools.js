// Mouse input on the frame: points (left = on the object, right = off, drag = move, Shift = flip), box, brush, eraser.

import { brush, click, canMark } from "./actions.js";
import { $ } from "./html.js";
import { decode, encode } from "./rle.js";
import { currentMask, draft, goTo } from "./stage.js";
import { changed, state } from "./store.js";
import { inPicture, pan, toCanvas, toPicture, view, zoom } from "./view.js";

const canvas = $("stage");
const NEAR = 10; // pixels on the screen
let drag = null;

export function startTools() {
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", stop);
  canvas.addEventListener("pointerleave", () => {
    draft.cursor = null;
    changed("draft");
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", wheel, { passive: false });
}

export function choose(tool) {
  state.tool = tool;
  changed("tool");
}

export function resizeBrush(factor) {
  state.brush = Math.max(1, Math.min(120, state.brush * factor));
  changed("tool");
}

const place = (event) => [event.offsetX, event.offsetY];
const points = () => (currentMask()?.points ?? []).map((point) => [...point]);

function pointNear(x, y) {
  const shown = currentMask()?.points ?? [];
  return shown.findIndex(([px, py]) => {
    const [cx, cy] = toCanvas(px, py);
    return Math.hypot(cx - x, cy - y) < NEAR;
  });
}

function down(event) {
  if (!state.film) return;
  canvas.focus();
  const [x, y] = place(event);
  if (event.button === 1 || event.ctrlKey || event.metaKey) return begin(event, { kind: "pan", x, y });
  const at = toPicture(x, y);
  if (state.playing || !inPicture(...at) || !canMark()) return;
  if (state.tool === "points") downPoint(event, x, y, at);
  else if (state.tool === "box" && event.button === 0) begin(event, { kind: "box", from: at });
  else if (state.tool === "brush" || state.tool === "eraser") {
    const erase = (state.tool === "eraser") !== (event.button === 2);
    draft.stroke = { path: [at], radius: state.brush, erase };
    begin(event, { kind: "stroke" });
  }
}

function begin(event, what) {
  drag = what;
  canvas.setPointerCapture(event.pointerId);
  event.preventDefault();
  changed("draft");
}

function downPoint(event, x, y, at) {
  const near = pointNear(x, y);
  const all = points();
  if (near >= 0 && event.shiftKey) {
    all[near][2] = all[near][2] ? 0 : 1;
    return click(all);
  }
  if (near >= 0 && event.button === 2) {
    all.splice(near, 1);
    return click(all);
  }
  if (near >= 0) {
    draft.points = all;
    return begin(event, { kind: "point", index: near, moved: false });
  }
  all.push([...at, event.button === 2 || event.altKey ? 0 : 1]);
  draft.points = all; // shown before the response arrives
  changed("draft");
  return click(all).then(() => {
    if (!drag) draft.points = null;
    changed("draft");
  });
}

function move(event) {
  const [x, y] = place(event);
  const at = state.film ? toPicture(x, y) : [0, 0];
  draft.cursor = at;
  if (drag?.kind === "pan") {
    pan(x - drag.x, y - drag.y);
    Object.assign(drag, { x, y });
  } else if (drag?.kind === "point") {
    draft.points[drag.index].splice(0, 2, ...bounded(at));
    drag.moved = true;
  } else if (drag?.kind === "box") draft.box = boxOf(drag.from, bounded(at));
  else if (drag?.kind === "stroke") draft.stroke.path.push(at);
  if (drag || state.tool === "brush" || state.tool === "eraser") changed("draft");
  canvas.style.cursor = cursor(x, y);
}

function cursor(x, y) {
  if (drag?.kind === "pan") return "grabbing";
  if (state.tool === "brush" || state.tool === "eraser") return "none";
  return state.tool === "points" && pointNear(x, y) >= 0 ? "move" : "crosshair";
}

const bounded = ([x, y]) => [Math.max(0, Math.min(state.film.width - 1, x)), Math.max(0, Math.min(state.film.height - 1, y))];
const boxOf = ([ax, ay], [bx, by]) => [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];

async function up(event) {
  const done = drag;
  drag = null;
  if (!done) return;
  if (done.kind === "point" && done.moved) await click(draft.points);
  if (done.kind === "box" && draft.box && draft.box[2] - draft.box[0] > 2 && draft.box[3] - draft.box[1] > 2) await click(points(), draft.box);
  if (done.kind === "stroke") await finishStroke();
  stop(event);
}

function stop() {
  drag = null;
  Object.assign(draft, { points: null, box: null, stroke: null });
  changed("draft");
}

async function finishStroke() {
  const { width, height } = state.film;
  const old = currentMask()?.rle;
  const mask = old ? decode(old) : new Uint8Array(width * height);
  const { path, radius, erase } = draft.stroke;
  const value = erase ? 0 : 1;
  let [px, py] = path[0];
  for (const [x, y] of path) {
    const steps = Math.max(1, Math.ceil(Math.hypot(x - px, y - py) / Math.max(1, radius / 2)));
    for (let i = 1; i <= steps; i++) disc(mask, px + ((x - px) * i) / steps, py + ((y - py) * i) / steps, radius, value);
    [px, py] = [x, y];
  }
  await brush(encode(mask, height, width));
}

function disc(mask, x, y, radius, value) {
  const { width, height } = state.film;
  for (let row = Math.max(0, Math.ceil(y - radius)); row <= Math.min(height - 1, y + radius); row++) {
    const half = Math.sqrt(Math.max(0, radius * radius - (row - y) ** 2));
    const left = Math.max(0, Math.ceil(x - half));
    const right = Math.min(width - 1, Math.floor(x + half));
    if (right >= left) mask.fill(value, row * width + left, row * width + right + 1);
  }
}

function wheel(event) {
  event.preventDefault();
  if (!state.film) return;
  const up = event.deltaY < 0;
  if (event.shiftKey) return goTo(state.frame + (up ? -1 : 1));
  if ((state.tool === "brush" || state.tool === "eraser") && !event.ctrlKey) return resizeBrush(up ? 1.15 : 1 / 1.15);
  zoom(up ? 1.2 : 1 / 1.2, ...place(event));
}

export const zoomBy = (factor) => zoom(factor, canvas.clientWidth / 2, canvas.clientHeight / 2);
export const fitView = async () => {
  view.fitted = true;
  const { fit } = await import("./view.js");
  fit(canvas.clientWidth, canvas.clientHeight);
  changed("view");
};

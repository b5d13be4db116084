// Draw the frame, its masks, points and box, and a preview of the selected tool.

import { at, post } from "./api.js";
import { promptsOf } from "./drafts.js";
import { $ } from "./html.js";
import { showError } from "./status.js";
import { fetchAhead, fetchFrame, ready } from "./frames.js";
import { fetchMasks, masksAt, painted } from "./masks.js";
import { css } from "./palette.js";
import { previewed } from "./preview.js";
import { changed, isShown, on, segmentAt, state } from "./store.js";
import { fit, toCanvas, view } from "./view.js";

const canvas = $("stage");
const context = canvas.getContext("2d");
export const draft = { moved: null, box: null, stroke: null, polygon: null, cursor: null, cross: null }; // state of a tool while it is dragged

let shown = -1; // the frame whose image is on the screen
let busy = false;
let again = false; // the frame or its masks have changed since they were asked for
let last = 0;

export function startStage() {
  new ResizeObserver(resize).observe(canvas.parentElement);
  on("film", () => fit(canvas.clientWidth, canvas.clientHeight));
  on("frame film", load);
  on("film frame masks document view tool draft play settings", draw);
}

function resize() {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * ratio);
  canvas.height = Math.round(canvas.clientHeight * ratio);
  if (view.fitted) fit(canvas.clientWidth, canvas.clientHeight);
  draw();
}

// one request at a time: fast scrubbing skips frames
export async function load() {
  again = true;
  if (!state.film || busy) return;
  busy = true;
  const key = state.key;
  try {
    while (again && key === state.key) {
      again = false;
      const wanted = state.frame;
      // prefetch with the same stride as the last step
      const way = wanted - last;
      const step = way && Math.abs(way) <= 60 ? way : Math.sign(way) || 1;
      last = wanted;
      await Promise.all([fetchFrame(wanted), fetchMasks(wanted)]);
      draw();
      fetchAhead(wanted, step, Math.abs(step) > 1 ? 2 : undefined);
      const soon = Math.max(0, Math.min(state.film.frames - 1, wanted + step * (Math.abs(step) > 1 ? 2 : 8)));
      fetchMasks(soon).catch(() => {});
    }
  } catch (error) {
    showError(error);
  } finally {
    busy = false;
    lookAhead();
    if (key !== state.key) load();
  }
}

// encode frames that are likely to be clicked in
let timer = 0;
function lookAhead() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (state.playing || state.run || state.object === null || !segmentAt(state.object, state.frame)) return;
    post(at(state.key, "look"), { frames: [state.frame] }).catch(() => {});
  }, 100);
}

function draw() {
  const ratio = window.devicePixelRatio || 1;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  if (!state.film) return;
  const picture = ready(state.frame);
  // until the image arrives the last one stays, but without the masks of another frame
  const frame = picture ? state.frame : shown;
  const image = picture ?? ready(shown);
  if (!image) return;
  shown = frame;
  const [width, height] = [state.film.width * view.scale * view.aspect, state.film.height * view.scale];
  context.imageSmoothingEnabled = view.scale < 4;
  context.drawImage(image, view.left, view.top, width, height);
  if (state.lit && state.playing) {
    context.fillStyle = "rgba(8,11,15,.45)";
    context.fillRect(view.left, view.top, width, height);
  }
  const masks = masksAt(frame);
  if (masks) for (const mask of masks.values()) if (isShown(mask.object)) drawMask(mask);
  if (frame === state.frame) drawPreview();
  if (state.object !== null && frame === state.frame) drawInputs();
  drawCursor();
  if (draft.cross && !state.playing) drawCross(...toCanvas(...draft.cross));
  canvas.dispatchEvent(new CustomEvent("painted", { detail: { frame, picture: Boolean(picture), masks: masks?.size ?? -1, version: state.version } }));
}

// the mask that the compare switch selects: refined or propagated
function chosen(mask) {
  if (state.compare === "before" && mask.before) return [mask.before, "before"];
  return [mask.rle, "after"];
}

function drawMask(mask) {
  const [rle, which] = chosen(mask);
  const picture = painted(mask, rle, which, state.opacity);
  if (!picture) return;
  const [x, y] = toCanvas(picture.left, picture.top);
  context.globalAlpha = state.object === null || mask.object === state.object ? 1 : 0.75;
  context.drawImage(picture.canvas, x, y, picture.canvas.width * view.scale * view.aspect, picture.canvas.height * view.scale);
  context.globalAlpha = 1;
  const object = state.objects.get(mask.object);
  chip(object.name, css(object.colour), x, y - 20);
}

function drawPreview() {
  const picture = previewed();
  if (!picture) return;
  const [x, y] = toCanvas(picture.left, picture.top);
  context.drawImage(picture.canvas, x, y, picture.canvas.width * view.scale * view.aspect, picture.canvas.height * view.scale);
}

function chip(text, colour, x, y) {
  context.font = "600 11px system-ui, sans-serif";
  const width = context.measureText(text).width + 22;
  x = Math.max(4, Math.min(x, canvas.clientWidth - width - 4));
  y = Math.max(4, y);
  context.fillStyle = "rgba(12,16,21,.82)";
  context.beginPath();
  context.roundRect(x, y, width, 18, 9);
  context.fill();
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x + 9, y + 9, 3.5, 0, 7);
  context.fill();
  context.fillStyle = "#e8edf2";
  context.textBaseline = "middle";
  context.fillText(text, x + 16, y + 9.5);
}

// prompts and strokes of the selected object, with those that are not answered yet
function drawInputs() {
  const prompts = promptsOf(state.object, state.frame);
  for (const item of prompts.painting) drawPainting(item.values, item.radius, !item.positive, item.kind === "polygon");
  if (draft.polygon) drawCorners(draft.polygon);
  if (draft.stroke) drawPainting(draft.stroke.path.flat(), draft.stroke.radius, draft.stroke.erase, false);
  if (state.playing) return;
  drawBox(draft.box ?? prompts.box?.values);
  for (const point of prompts.points) {
    const [x, y] = draft.moved?.id === point.id ? draft.moved.at : [point.x, point.y];
    drawPoint(...toCanvas(x, y), point.positive, point.automatic);
  }
}

function drawBox(box) {
  if (box) {
    const [x0, y0] = toCanvas(box[0], box[1]);
    const [x1, y1] = toCanvas(box[2], box[3]);
    context.lineWidth = 3;
    context.strokeStyle = "rgba(8,11,15,.7)";
    context.strokeRect(x0, y0, x1 - x0, y1 - y0);
    context.lineWidth = 1.5;
    context.strokeStyle = "#fff";
    context.setLineDash([6, 4]);
    context.strokeRect(x0, y0, x1 - x0, y1 - y0);
    context.setLineDash([]);
  }
}

// plus on white, minus on dark: distinguishable without colour; automatic points are smaller
function drawPoint(x, y, positive, small) {
  const radius = small ? 5 : 7;
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  context.fillStyle = positive ? "#fff" : "#14181d";
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = positive ? "#14181d" : "#fff";
  context.stroke();
  const reach = radius - (small ? 2 : 3);
  if (small) context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x - reach, y);
  context.lineTo(x + reach, y);
  if (positive) {
    context.moveTo(x, y - reach);
    context.lineTo(x, y + reach);
  }
  context.stroke();
}

function drawPainting(values, radius, erase, filled) {
  const object = state.objects.get(state.object);
  context.strokeStyle = context.fillStyle = erase ? "rgba(20,24,29,.6)" : css(object.colour, 0.6);
  context.lineCap = context.lineJoin = "round";
  context.save();
  context.translate(view.left, view.top);
  context.scale(view.scale * view.aspect, view.scale); // in pixels of the video, which need not be square
  context.lineWidth = 2 * radius;
  context.beginPath();
  for (let i = 0; i < values.length; i += 2) context[i ? "lineTo" : "moveTo"](values[i], values[i + 1]);
  if (filled) context.fill();
  else {
    if (values.length === 2) context.lineTo(...values);
    context.stroke();
  }
  context.restore();
}

// corners of a polygon that is not closed yet
function drawCorners({ corners, erase }) {
  const cursor = draft.cursor ? [draft.cursor] : [];
  if (corners.length + cursor.length > 2) drawPainting([...corners, ...cursor].flat(), 1, erase, true);
  context.lineWidth = 1.5;
  context.strokeStyle = "#fff";
  context.setLineDash(erase ? [3, 3] : []);
  context.beginPath();
  [...corners, ...cursor].forEach((corner, i) => context[i ? "lineTo" : "moveTo"](...toCanvas(...corner)));
  context.stroke();
  context.setLineDash([]);
  for (const corner of corners) drawPoint(...toCanvas(...corner), !erase, true);
}

function drawCursor() {
  if (!draft.cursor || state.playing || !["brush", "eraser"].includes(state.tool)) return;
  const [x, y] = toCanvas(...draft.cursor);
  for (const [width, colour] of [[3, "rgba(0,0,0,.6)"], [1.5, "#fff"]]) {
    context.beginPath();
    context.ellipse(x, y, state.brush * view.scale * view.aspect, state.brush * view.scale, 0, 0, 7);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}

// the pointer of the keyboard: white on black, so that it is visible on any picture
function drawCross(x, y) {
  for (const [width, colour] of [[4, "rgba(0,0,0,.75)"], [1.5, "#fff"]]) {
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 4 * dx, y + 4 * dy);
      context.lineTo(x + 16 * dx, y + 16 * dy);
    }
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}

export function goTo(frame) {
  if (!state.film) return;
  const target = Math.max(0, Math.min(state.film.frames - 1, Math.round(frame)));
  if (target === state.frame) return;
  state.frame = target;
  const here = state.object === null ? null : segmentAt(state.object, target);
  if (here && here.id !== state.segment) {
    state.segment = here.id;
    changed("document");
  }
  Object.assign(draft, { moved: null, box: null, stroke: null, polygon: null });
  changed("frame");
}

// Draw the timeline: ruler, waveform, spectrogram, and a lane per object with its segments and frames.

import { $ } from "./html.js";
import { GUTTER, HEAT, LANE, RULER, TOP, WAVE, boundScroll, laneTop, lanes, scroll, showLane, width, xOf, xOfFrame } from "./axis.js";
import { css, ink, quality } from "./palette.js";
import { on, segmentsOf, state } from "./store.js";
import { covering } from "./tiles.js";

const canvas = $("time");
const context = canvas.getContext("2d");
export const hover = { segment: null, edge: null, preview: null }; // preview: {object, start, end} while dragging

export function startTimeline() {
  new ResizeObserver(() => {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    showLane(); // there may be room for fewer lanes now
    draw();
  }).observe(canvas);
  on("film document frame timeline queue run settings", draw);
}

function draw() {
  const ratio = window.devicePixelRatio || 1;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const [w, h] = [canvas.clientWidth, canvas.clientHeight];
  context.fillStyle = ink("lane-ground");
  context.fillRect(0, 0, w, h);
  if (!state.film) return;
  boundScroll();
  drawSound();
  context.save();
  context.beginPath();
  context.rect(0, TOP - 2, w, h - TOP + 2);
  context.clip();
  lanes().forEach(drawLane);
  drawMore(h);
  if (!state.objects.size) hint("T adds an object, I and O mark when it sounds, Enter adds the segment");
  context.restore();
  drawRuler(h);
  drawMarks(h);
  drawPlayhead(h);
}

// arrows where lanes are hidden above or below
function drawMore(h) {
  const hidden = [scroll.top > 0, lanes().length * LANE - scroll.top > h - TOP + 2];
  context.font = "700 11px system-ui, sans-serif";
  context.fillStyle = ink("ink-more");
  context.textBaseline = "middle";
  if (hidden[0]) context.fillText("▲ more", canvas.clientWidth - 58, TOP + 8);
  if (hidden[1]) context.fillText("▼ more", canvas.clientWidth - 58, h - 9);
}

function hint(text) {
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = ink("ink-hint");
  context.textBaseline = "middle";
  context.fillText(text, GUTTER + 12, TOP + LANE / 2);
}

function drawSound() {
  const { from, to } = state.range;
  label("sound", RULER + WAVE / 2);
  label("pitch", RULER + WAVE + 3 + HEAT / 2);
  if (!state.film.has_sound) return hintAt("this video has no sound", RULER + WAVE / 2);
  context.save();
  context.beginPath();
  context.rect(GUTTER, RULER, width(), WAVE + HEAT + 3);
  context.clip();
  const waves = covering("peaks", from, to, width());
  if (!waves.length) hintAt("reading the sound …", RULER + WAVE / 2);
  for (const tile of waves) place(tile, RULER + 1, WAVE - 2);
  for (const tile of covering("spectrogram", from, to, width())) place(tile, RULER + WAVE + 3, HEAT);
  const segment = state.segments.get(state.segment);
  if (segment) {
    const [x0, x1] = [xOfFrame(segment.start), xOfFrame(segment.end)];
    context.fillStyle = ink("ink-shade");
    context.fillRect(GUTTER, RULER, x0 - GUTTER, WAVE + HEAT + 3);
    context.fillRect(x1, RULER, GUTTER + width() - x1, WAVE + HEAT + 3);
  }
  context.restore();
}

function hintAt(text, y) {
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = ink("ink-hint");
  context.textBaseline = "middle";
  context.fillText(text, GUTTER + 12, y);
}

function place(tile, top, height) {
  const x = xOf(tile.from);
  context.drawImage(tile.canvas, x, top, xOf(tile.to) - x, height);
}

function label(text, y, strong = false) {
  context.font = `${strong ? 600 : 400} 12px system-ui, sans-serif`;
  context.fillStyle = strong ? ink("ink-strong") : ink("ink-label");
  context.textBaseline = "middle";
  context.fillText(shortened(text, GUTTER - 25), 24, y);
}

// a text that fits into a width: cut off rather than squeezed
function shortened(text, most) {
  if (context.measureText(text).width <= most) return text;
  let length = text.length - 1;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > most) length--;
  return `${text.slice(0, length)}…`;
}

function drawLane(object, row) {
  const top = laneTop(row);
  const item = state.objects.get(object);
  const current = object === state.object;
  context.fillStyle = current ? ink("lane-chosen") : ink("lane");
  context.fillRect(0, top, canvas.clientWidth, LANE - 3);
  context.fillStyle = css(item.colour);
  context.fillRect(0, top, 4, LANE - 3);
  label(item.name, top + (LANE - 3) / 2, current);
  if (row < 9) {
    context.fillStyle = ink("ink-number");
    context.font = "10px system-ui, sans-serif";
    context.fillText(String(row + 1), 12, top + (LANE - 3) / 2);
  }
  context.save();
  context.beginPath();
  context.rect(GUTTER, top, width(), LANE - 3);
  context.clip();
  for (const segment of segmentsOf(object)) drawSegment(segment, item, top + 3, LANE - 9);
  if (hover.preview?.object === object) outline(hover.preview.start, hover.preview.end, top + 3, LANE - 9, ink("ink-line"), [4, 3]);
  context.restore();
}

function drawSegment(segment, object, top, height) {
  const [x0, x1] = [xOfFrame(segment.start), xOfFrame(segment.end)];
  if (x1 < GUTTER || x0 > canvas.clientWidth) return;
  const chosen = segment.id === state.segment;
  context.fillStyle = css(object.colour, chosen ? 0.3 : 0.17);
  context.beginPath();
  context.roundRect(x0, top, Math.max(2, x1 - x0), height, 4);
  context.fill();
  drawFrames(segment, top, height);
  context.lineWidth = chosen ? 2 : 1;
  outline(segment.start, segment.end, top, height, chosen ? ink("ink-line") : css(object.colour, 0.75), []);
  drawStatus(segment, x0, x1, top, height);
}

function outline(start, end, top, height, colour, dash) {
  const [x0, x1] = [xOfFrame(start), xOfFrame(end)];
  context.strokeStyle = colour;
  context.setLineDash(dash);
  context.beginPath();
  context.roundRect(x0 + 0.5, top + 0.5, Math.max(1, x1 - x0 - 1), height - 1, 4);
  context.stroke();
  context.setLineDash([]);
}

// frames along the bottom of a segment: quality as colour, stale frames hatched, accepted ones as diamonds
function drawFrames(segment, top, height) {
  const rows = state.info.get(segment.object);
  if (!rows) return;
  const [y, deep] = [top + height - 9, 7];
  const accepted = [];
  let lastX = -1;
  let worst = null;
  for (let frame = segment.start; frame < segment.end; frame++) {
    const info = rows.get(frame);
    if (!info) continue;
    const x0 = Math.max(xOfFrame(frame), GUTTER);
    const x1 = xOfFrame(frame + 1);
    if (x1 < GUTTER || x0 > canvas.clientWidth) continue;
    if (info.accepted) accepted.push((x0 + x1) / 2);
    const score = info.accepted ? 1 : info.score;
    // several frames in one pixel: draw the worst
    if (Math.floor(x0) === lastX && worst !== null && (score ?? 1) >= worst) continue;
    worst = Math.floor(x0) === lastX ? Math.min(worst ?? 1, score ?? 1) : score ?? 1;
    lastX = Math.floor(x0);
    context.fillStyle = quality(score, info.stale ? 0.35 : 0.95);
    context.fillRect(x0, y, Math.max(1, x1 - x0 + 0.3), deep);
    if (info.stale) {
      context.fillStyle = ink("ink-stale");
      for (let x = Math.ceil(x0 / 4) * 4; x < x1; x += 4) context.fillRect(x, y, 1.5, deep);
    }
    if (info.source !== "propagated" && info.source !== "refined" && x1 - x0 > 3) {
      context.fillStyle = ink("ink-line"); // a manual mask
      context.fillRect((x0 + x1) / 2 - 1, y - 4, 2, 3);
    }
  }
  for (const x of accepted) diamond(x, y + deep / 2);
}

function diamond(x, y) {
  context.beginPath();
  context.moveTo(x, y - 5);
  context.lineTo(x + 5, y);
  context.lineTo(x, y + 5);
  context.lineTo(x - 5, y);
  context.closePath();
  context.fillStyle = "#fff";
  context.strokeStyle = "#10151b";
  context.lineWidth = 1.5;
  context.fill();
  context.stroke();
}

function drawStatus(segment, x0, x1, top, height) {
  const symbol = { accepted: "✓", rejected: "✗" }[segment.status] ?? "";
  const left = Math.max(x0, GUTTER) + 6;
  context.font = "600 11px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.fillStyle = ink("ink-segment");
  const text = `${symbol} ${segment.end - segment.start} frames`.trim();
  if (x1 - left > context.measureText(text).width + 6) context.fillText(text, left, top + 10);
  else if (symbol && x1 - left > 10) context.fillText(symbol, left, top + 10);
  if (segment.status === "rejected") {
    context.fillStyle = ink("ink-rejected");
    context.fillRect(x0, top, x1 - x0, height);
  }
  if (state.run?.segment === segment.id) {
    context.fillStyle = ink("ink-progress");
    context.fillRect(x0, top, (x1 - x0) * (state.run.share ?? 0), 2);
  }
}

const STEPS = [0.04, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];

function drawRuler() {
  context.fillStyle = ink("ruler");
  context.fillRect(0, 0, canvas.clientWidth, RULER);
  const { from, to } = state.range;
  const step = STEPS.find((candidate) => (candidate / (to - from)) * width() > 92) ?? 7200;
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (let index = Math.ceil(from / step); index * step <= to; index++) {
    const time = index * step;
    const x = xOf(time);
    context.fillStyle = ink("tick");
    context.fillRect(x, RULER - 6, 1, 6);
    context.fillStyle = ink("ink-time");
    const seconds = clock(time, step);
    context.fillText(seconds, x + 4, 9);
    context.fillStyle = ink("ink-frame");
    if ((step / (to - from)) * width() > 60 + seconds.length * 6) context.fillText(`f ${frameLabel(time)}`, x + 9 + context.measureText(seconds).width, 9);
    if (step < 60) for (let tick = 1; tick < 5; tick++) context.fillRect(xOf(time + (tick * step) / 5), RULER - 3, 1, 3);
  }
  context.fillStyle = ink("ruler");
  context.fillRect(0, 0, GUTTER - 1, RULER);
  label("time", RULER / 2);
}

function frameLabel(time) {
  let low = 0;
  let high = state.film.frames - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (state.times[middle] <= time + 1e-6) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function clock(time, step = 0.01) {
  const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
  const minutes = Math.floor(time / 60);
  return `${minutes}:${(time - 60 * minutes).toFixed(digits).padStart(digits ? digits + 3 : 2, "0")}`;
}

function drawMarks(h) {
  const { start, end } = state.marks;
  if (start === null && end === null) return;
  const x0 = xOfFrame(start ?? end - 1);
  const x1 = xOfFrame(end ?? start + 1);
  context.fillStyle = ink("ink-mark");
  context.fillRect(Math.max(GUTTER, x0), 0, Math.max(1, x1 - Math.max(GUTTER, x0)), h);
  context.fillStyle = "#fff";
  context.font = "700 11px system-ui, sans-serif";
  if (start !== null) flag("I", x0, 1);
  if (end !== null) flag("O", x1, -1);
}

function flag(text, x, side) {
  if (x < GUTTER - 1) return;
  context.fillStyle = "#e8edf2";
  context.fillRect(x - 0.5, 0, 1, canvas.clientHeight);
  context.fillRect(side > 0 ? x : x - 14, RULER, 14, 14);
  context.fillStyle = "#10151b";
  context.textBaseline = "middle";
  context.fillText(text, side > 0 ? x + 4.5 : x - 11, RULER + 7.5);
}

function drawPlayhead(h) {
  const [x0, x1] = [xOfFrame(state.frame), xOfFrame(state.frame + 1)];
  if (x1 < GUTTER || x0 > canvas.clientWidth) return;
  context.fillStyle = ink("playhead-shade");
  context.fillRect(Math.max(x0, GUTTER), RULER, Math.max(1, x1 - Math.max(x0, GUTTER)), h);
  context.fillStyle = ink("playhead");
  context.fillRect(x0 - 0.5, 0, 1.5, h);
  const text = String(state.frame);
  context.font = "700 11px system-ui, sans-serif";
  const wide = context.measureText(text).width + 10;
  const left = Math.max(GUTTER, Math.min(x0 - wide / 2, canvas.clientWidth - wide - 2));
  context.beginPath();
  context.roundRect(left, 13, wide, 15, 3);
  context.fill();
  context.fillStyle = ink("playhead-text");
  context.textBaseline = "middle";
  context.fillText(text, left + 5, 21);
}

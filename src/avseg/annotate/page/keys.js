// Keyboard shortcuts; `?` shows the same table that binds the keys.

import { accept, addSegment, cancel, clearMask, copyMask, cutOut, fill, finishVideo, judge, merge, moveEdge, nextCandidate, nudge, pasteMask, propagate, redo, refine, removeSegment, split, undo } from "./actions.js";
import { xOfFrame, zoomAll, zoomSegment, zoomTime } from "./axis.js";
import { showBoard } from "./board.js";
import { moveCrosshair, pressCrosshair, releaseCrosshair, removeAtCrosshair } from "./crosshair.js";
import { askFrame, askObject, exchange, isOpen, newObject, showKeys } from "./dialogs.js";
import { snapEdge } from "./onset.js";
import { hide, lock, neighbour, nextWorst, select, solo } from "./panels.js";
import { nextRate, pause, playEdge, toggle } from "./player.js";
import { propose } from "./proposals.js";
import { goTo } from "./stage.js";
import { showStatus } from "./status.js";
import { saveSettings, settings, toggleSetting } from "./settings.js";
import { inputsOf } from "./drafts.js";
import { isForElement, namesOf } from "./shortcuts.js";
import { changed, on, state } from "./store.js";
import { choose, closePolygon, dropCorner, fitView, resizeBrush, switchSign, zoomBy } from "./tools.js";

const step = (by) => () => {
  pause();
  goTo(state.frame + by);
};

function mark(which) {
  if (!state.film) return;
  state.marks[which] = state.frame + (which === "end" ? 1 : 0);
  showStatus(which === "start" ? `start at frame ${state.frame}; O marks the end` : `end after frame ${state.frame}; Enter adds the segment`);
  changed("timeline", "draft", "marks");
}

export function setOpacity(value) {
  state.opacity = Math.max(0, Math.min(1, value));
  changed("tool");
}

export function compare() {
  state.compare = state.compare === "off" ? "before" : "off";
  changed("tool");
}

const escape = () => {
  if (releaseCrosshair()) return undefined;
  if (dropCorner(true)) return undefined;
  if (state.runs.length) return cancel();
  state.marks = { start: null, end: null };
  return changed("timeline", "marks");
};

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const crosshairKeys = (modifiers, pixels) => Object.fromEntries(Object.entries(WAYS).map(([key, [dx, dy]]) => [
  `${modifiers}${key}`, () => moveCrosshair(pixels * dx, pixels * dy)]));

const TABLE = [
  ["Move", [
    ["← →", "frame", { ArrowLeft: step(-1), ArrowRight: step(1) }],
    ["Shift+← Shift+→", "10 frames", { "Shift+ArrowLeft": step(-10), "Shift+ArrowRight": step(10) }],
    ["Alt+← Alt+→", "first, last frame", { "Alt+ArrowLeft": step(-Infinity), "Alt+ArrowRight": step(Infinity) }],
    [", .", "previous, next segment", { ",": () => neighbour(-1), ".": () => neighbour(1) }],
    ["J", "go to a frame or time", { j: askFrame }],
    ["N", "next worst frame", { n: nextWorst }],
    ["Space Shift+Space", "play the segment, everything", { " ": () => toggle(), "Shift+ ": () => toggle(true) }],
    ["L", "play around the nearer edge", { l: playEdge }],
    ["U", "speed: 1, ½, ¼", { u: nextRate }],
  ]],
  ["Segments", [
    ["T", "new object", { t: newObject }],
    ["1…9", "select an object", Object.fromEntries([..."123456789"].map((n) => [n, () => select([...state.objects.keys()][n - 1])]))],
    ["I O", "start, end at this frame", { i: () => mark("start"), o: () => mark("end") }],
    ["Enter", "add the segment; close the polygon", { Enter: () => closePolygon() || addSegment() }],
    ["[ ]", "move the nearer edge by a frame", { "[": () => nudge(-1), "]": () => nudge(1) }],
    ["Shift+I Shift+O", "move start, end of the segment to this frame", { "Shift+I": () => moveEdge("start"), "Shift+O": () => moveEdge("end") }],
    ["'", "snap the nearer edge to the sound", { "'": snapEdge }],
    ["S M", "split here, merge with the next", { s: split, m: merge }],
    ["Shift+M", "move the segment to another object", { "Shift+M": askObject }],
    ["Shift+Del", "remove the segment", { "Shift+Delete": removeSegment }],
    ["G", "propose segments from the sound", { g: propose }],
  ]],
  ["Mask", [
    ["P B W D E", "points, box, polygon, brush, eraser", { p: () => choose("points"), b: () => choose("box"), w: () => choose("polygon"), d: () => choose("brush"), e: () => choose("eraser") }],
    ["click right", "on, off the object; paint, erase", {}],
    ["Ctrl+arrows", "move the crosshair on the frame", crosshairKeys("Ctrl+", 12)],
    ["Ctrl+Shift+arrows", "move it by a pixel of the screen", crosshairKeys("Ctrl+Shift+", 1)],
    ["Ctrl+Enter Ctrl+Shift+Enter", "at the crosshair: on, off the object; begin and end a box or stroke, move a point", { "Ctrl+Enter": () => pressCrosshair(), "Ctrl+Shift+Enter": () => pressCrosshair(true) }],
    ["Ctrl+Del", "remove the point or box at the crosshair", { "Ctrl+Delete": removeAtCrosshair, "Ctrl+Backspace": removeAtCrosshair }],
    ["Q", "left button: on, off the object", { q: switchSign }],
    ["Shift drag", "flip a point, move it or a side of the box (right click: remove)", {}],
    ["{ }", "smaller, larger brush (or the wheel)", { "{": () => resizeBrush(0.8), "}": () => resizeBrush(1.25) }],
    ["Tab", "another mask for the points or the box (Shift+Tab: focus)", { Tab: () => nextCandidate() }],
    ["Shift+P", "show the mask that a click would give", { "Shift+P": () => toggleSetting("preview") }],
    ["R", "refine the frame from its points", { r: refine }],
    ["C", "compare: as propagated, as refined", { c: compare }],
    ["- =", "opacity of the masks", { "-": () => setOpacity(state.opacity - 0.1), "=": () => setOpacity(state.opacity + 0.1) }],
    ["Del", "clear the mask of this frame", { Delete: clearMask, Backspace: () => dropCorner() || clearMask() }],
    ["Ctrl+C Ctrl+V", "copy the mask, put it into a frame", { "Ctrl+c": copyMask, "Ctrl+v": pasteMask }],
    ["Shift+E", "remove what lies under the mask from other objects", { "Shift+E": cutOut }],
    ["H Shift+H", "hide the object, show it alone", { h: () => hide(), "Shift+H": () => solo() }],
    ["Shift+L", "lock the object", { "Shift+L": () => lock() }],
  ]],
  ["Propagate and review", [
    ["F", "fill all segments of the object", { f: () => fill() }],
    ["Shift+F", "fill all segments of all objects", { "Shift+F": () => fill(true) }],
    ["Alt+F", "propagate this segment again", { "Alt+f": () => propagate("both", true) }],
    ["> <", "this segment: forward only, backward only", { ">": () => propagate("forward"), "<": () => propagate("backward") }],
    ["Shift+R", "refine propagated frames, or not", { "Shift+R": () => toggleSetting("refine") }],
    ["Esc", "stop; finished frames are kept", { Escape: escape }],
    ["A", "accept the frame: a barrier", { a: accept }],
    ["Shift+A X", "accept, reject the segment", { "Shift+A": () => judge("accepted"), x: () => judge("rejected") }],
    ["V", "mark the video as done, or open again", { v: finishVideo }],
    ["Z Shift+Z", "undo, redo", { z: () => undo(), "Ctrl+z": () => undo(), "Shift+Z": () => redo(), "Ctrl+Shift+Z": () => redo(), "Ctrl+y": () => redo() }],
  ]],
  ["View", [
    ["wheel", "zoom; two fingers, Ctrl+drag, middle button pan", {}],
    ["+ _ 0", "zoom in, out, fit", { "+": () => zoomBy(1.25), _: () => zoomBy(0.8), 0: fitView }],
    ["\\ |", "timeline: the segment, everything", { "\\": zoomSegment, "|": zoomAll }],
    ["Alt+↑ Alt+↓", "timeline: zoom in, out at the frame", { "Alt+ArrowUp": () => zoomTime(0.8, xOfFrame(state.frame)), "Alt+ArrowDown": () => zoomTime(1.25, xOfFrame(state.frame)) }],
    ["Ctrl+S", "export, import", { "Ctrl+s": exchange }],
    ["Y", "all videos: board, classes, export, cost", { y: showBoard }],
    ["?", "keyboard shortcuts", { "?": () => help() }],
  ]],
];

const DEFAULTS = TABLE.flatMap(([, rows]) => rows.flatMap(([, , keys]) => Object.entries(keys)));
let bound = new Map();

// the key that is bound now to the action of a default key
const keyOf = (key) => settings.shortcuts[key] ?? key;

function bind() {
  bound = new Map(DEFAULTS.map(([key, action]) => [keyOf(key), action]));
}

// give the action of a default key another key; the action that had it takes the old one
function change(key, to) {
  const shortcuts = { ...settings.shortcuts };
  const owner = DEFAULTS.find(([other]) => other !== key && keyOf(other) === to)?.[0];
  if (owner) shortcuts[owner] = keyOf(key);
  shortcuts[key] = to;
  for (const name of Object.keys(shortcuts)) if (shortcuts[name] === name) delete shortcuts[name];
  return saveSettings({ shortcuts });
}

export const help = () => showKeys(TABLE, { keyOf, change, reset: () => saveSettings({ shortcuts: {} }), nameOf: (event) => namesOf(event)[0] });

// Tab moves the focus, except on the frame where there may be other masks to choose from
function isChoosing(target) {
  if (target !== document.body && target.id !== "stage") return false;
  return ["point", "box", "choice"].includes(inputsOf(state.object, state.frame).at(-1)?.kind);
}

export function startKeys() {
  bind();
  on("settings", bind);
  // a click leaves the focus where it is, so that Space plays after a click on a button
  document.addEventListener("mousedown", (event) => event.target.closest("button") && !isOpen() && event.preventDefault());
  window.addEventListener("keydown", (event) => {
    if (isOpen() || isForElement(event)) return;
    const action = namesOf(event).map((name) => bound.get(name)).find(Boolean);
    if (!action || (event.key === "Tab" && !isChoosing(event.target))) return;
    event.preventDefault();
    if (event.repeat && !/Arrow|[[\]{}+_=-]/.test(event.key)) return;
    document.activeElement?.blur?.();
    action();
  });
}

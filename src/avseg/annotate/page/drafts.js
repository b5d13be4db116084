// Inputs of the user on an object in a frame: those that the server has, and those that are on their way to it.

import { realId } from "./added.js";
import { CLIENT } from "./api.js";
import { maskOf } from "./masks.js";
import { changed } from "./store.js";

let sent = []; // {object, frame, action}: not answered yet, in order
let count = 0;

// an identifier for a new input
export const newId = () => `${CLIENT.slice(0, 8)}-${Date.now().toString(36)}-${++count}`;

export function addSent(entries) {
  sent.push(...entries);
  changed("draft");
}

export function removeSent(entries) {
  sent = sent.filter((entry) => !entries.includes(entry));
  changed("draft");
}

export function forgetSent() {
  sent = [];
}

// the inputs of an object in a frame, with those that the server has not answered yet
export function inputsOf(object, frame) {
  let inputs = maskOf(object, frame)?.inputs ?? [];
  for (const { action } of sentAt(object, frame)) inputs = applied(inputs, action);
  return inputs;
}

export const sentAt = (object, frame) => sent.filter((entry) => realId(entry.object) === object && entry.frame === frame);

function applied(inputs, action) {
  if (action.set) return action.set;
  if (action.remove) return inputs.filter((input) => input.id !== action.remove);
  if (inputs.some((input) => input.id === action.put.id)) return inputs.map((input) => (input.id === action.put.id ? action.put : input));
  return [...inputs.filter((input) => action.put.kind !== "box" || input.kind !== "box"), action.put];
}

// points by which a frame was refined; they become inputs as soon as one of them is moved
export function automaticPoints(object, frame) {
  const mask = maskOf(object, frame);
  return mask && !mask.inputs?.length && !sentAt(object, frame).length ? mask.points ?? [] : [];
}

// what is drawn: {id, x, y, positive, automatic} and the box
export function promptsOf(object, frame) {
  const inputs = inputsOf(object, frame);
  const points = inputs.filter((input) => input.kind === "point").map(({ id, values: [x, y], positive }) => ({ id, x, y, positive: Boolean(positive), automatic: false }));
  const automatic = automaticPoints(object, frame).map(([x, y, positive], i) => ({ id: `auto-${i}`, x, y, positive: Boolean(positive), automatic: true }));
  return { points: [...points, ...automatic], box: inputs.find((input) => input.kind === "box") ?? null, painting: sentAt(object, frame).map(({ action }) => action.put).filter((put) => put?.kind === "stroke" || put?.kind === "polygon") };
}

export const point = (x, y, positive, id = newId()) => ({ id, kind: "point", values: [x, y], positive: positive ? 1 : 0 });

// the action that changes one point; an automatic one takes the others along
export function changePoint(object, frame, id, change) {
  if (!id.startsWith("auto-")) {
    const input = inputsOf(object, frame).find((item) => item.id === id);
    const next = input && change(input);
    return next ? { put: next } : { remove: id };
  }
  const all = automaticPoints(object, frame).map(([x, y, positive], i) => ({ auto: `auto-${i}`, input: point(x, y, positive) }));
  return { set: all.map(({ auto, input }) => (auto === id ? change(input) : input)).filter(Boolean) };
}

// Objects and segments that were added are in the page at once, under negative ids, until the server answers: what is
// done next is about them, however late the answer comes. Requests are sent with the ids of the server.

import { changed, segmentAt, state } from "./store.js";

const ids = new Map(); // negative id -> id of the server, null if it was refused
const waiting = { objects: new Map(), segments: new Map() };
let count = 0;
let listeners = []; // functions to call when nothing waits any more

export function clearAdded() {
  ids.clear();
  waiting.objects.clear();
  waiting.segments.clear();
  tellIfSettled();
}

// resolves when the server has answered about everything that was added
export const settled = () => new Promise((done) => {
  listeners.push(done);
  tellIfSettled();
});

function tellIfSettled() {
  if (waiting.objects.size + waiting.segments.size) return;
  for (const done of listeners) done();
  listeners = [];
}

// kind: objects or segments
export function addAtOnce(kind, values) {
  const item = { id: -++count, ...values };
  waiting[kind].set(item.id, item);
  state[kind].set(item.id, item);
  changed("document", "timeline");
  return item.id;
}

// the server has added it; `known` are the ids that were there before
export function confirm(kind, id, answer, known) {
  const added = answer.added.length ? answer.added[0] : answer.snapshot[kind].map((item) => item.id).find((other) => !known.has(other));
  settle(kind, id, added ?? null);
}

export const withdraw = (kind, id) => waiting[kind].has(id) && settle(kind, id, null);

function settle(kind, id, real) {
  ids.set(id, real);
  waiting[kind].delete(id);
  state[kind].delete(id);
  if (kind === "objects") {
    for (const segment of waiting.segments.values()) if (segment.object === id) segment.object = real;
    if (state.object === id) state.object = real ?? state.objects.keys().next().value ?? null;
  } else if (state.segment === id) state.segment = real ?? segmentAt(state.object, state.frame)?.id ?? null;
  changed("document", "timeline");
  tellIfSettled();
}

// after a snapshot, which does not contain them
export function keepAdded() {
  for (const kind of ["objects", "segments"]) for (const [id, item] of waiting[kind]) state[kind].set(id, item);
}

export const realId = (id) => (ids.has(id) ? ids.get(id) : id);

const NAMES = ["object", "segment", "first"];

// a request with the ids of the server, null if it is about something that was refused
export function confirmed(body) {
  const result = { ...body };
  for (const name of NAMES) {
    if (typeof body[name] !== "number") continue;
    result[name] = realId(body[name]);
    if (result[name] === null) return null;
  }
  if (body.segments) result.segments = body.segments.map(realId);
  if (body.ops) result.ops = body.ops.map(confirmed);
  return result.ops?.includes(null) || result.segments?.includes(null) ? null : result;
}

// All edits of the video, one request at a time: each is based on the version that the previous one made.

import { addAtOnce, confirm, realId, withdraw } from "./added.js";
import { at, post } from "./api.js";
import { loadQueue, reload, applySnapshot, setRuns, soonVideos } from "./document.js";
import { addSent, removeSent } from "./drafts.js";
import { forgetMasks, maskOf, put } from "./masks.js";
import { enqueue, isBusy, lastWaiting } from "./requests.js";
import { settings } from "./settings.js";
import { showError, showStatus } from "./status.js";
import { changed, infoOf, look, segmentAt, segmentsOf, state } from "./store.js";
import { countClick } from "./work_time.js";

function take(answer) {
  if (answer.touched?.length) forgetMasks(answer.touched);
  if (applySnapshot(answer.snapshot)) answer.frames.forEach(put);
  changed("masks", "frame"); // masks that the answer does not contain are fetched
}

async function refresh() {
  forgetMasks();
  await reload().catch(showError);
  changed("frame");
}

// Queue a request with the version it is based on; false if it failed. A body that depends on what the requests before
// it do is a function. `first` gets the answer before anything else.
function send(path, body, first = null) {
  const onAnswer = async (answer, error) => {
    if (answer) first?.(answer);
    if (answer) take(answer);
    else if (error.status === 409) await refresh();
    return false;
  };
  const complete = () => {
    const content = typeof body === "function" ? body() : body;
    return content && { ...content, base_version: state.version };
  };
  return enqueue(path, complete, { onAnswer });
}

// Change the inputs of an object in a frame. Those that are made while an answer is awaited go in one request, in order.
export function draw(...actions) {
  if (!canMark()) return Promise.resolve(false);
  const { object, frame } = state;
  const entries = actions.map((action) => ({ object, frame, action }));
  addSent(entries);
  entries.forEach(countClick);
  const last = lastWaiting();
  if (last?.drawn?.object === object && last.drawn.frame === frame && last.key === state.key) {
    last.drawn.entries.push(...entries);
    return last.promise;
  }
  const drawn = { object, frame, entries };
  const promise = enqueue("draw", () => {
    drawn.closed = true;
    return { object, frame, actions: drawn.entries.map((entry) => entry.action), base_version: state.version };
  }, { drawn, onAnswer: async (answer, error, attempt) => {
    // another tab has drawn here too: the inputs are added to what it has made
    if (error?.status === 409 && attempt < 3) {
      await refresh();
      return true;
    }
    if (answer) take(answer);
    removeSent(drawn.entries);
    if (answer?.note) showStatus(answer.note, "warn");
    return false;
  } });
  return promise;
}

// another of the masks that fit the last points or box
export async function nextCandidate(step = 1) {
  if (!canMark()) return false;
  countClick();
  const answer = await send("candidate", { object: state.object, frame: state.frame, step });
  if (answer?.note) showStatus(answer.note);
  return answer;
}

// add an object or a segment, which is there and selected at once
async function add(kind, values, op) {
  const id = addAtOnce(kind, values);
  let known = null; // what was there before the request was sent, the first time if its answer was lost
  const body = () => {
    known ??= new Set(state[kind].keys());
    return { ops: [op] };
  };
  const promise = send("do", body, (answer) => confirm(kind, id, answer, known));
  state[kind === "objects" ? "object" : "segment"] = id;
  const answer = await promise;
  if (answer) soonQueue();
  else withdraw(kind, id);
  return Boolean(answer);
}

export function addObject(label, name) {
  state.segment = null;
  return add("objects", { label, name: name || label }, { op: "add_object", label, ...(name ? { name } : {}) });
}

// carry out operations as one step; one that depends on what the requests before it do is a function
export async function act(...ops) {
  const answer = await send("do", () => {
    const all = ops.map((op) => (typeof op === "function" ? op() : op));
    return all.includes(null) ? null : { ops: all };
  });
  if (answer) soonQueue();
  return answer;
}

// add proposed segments, {label, start, end}, and the objects with their labels, as one step
export async function addProposals(proposals) {
  const answer = await send("add_proposals", { proposals });
  if (answer) soonQueue();
  return answer;
}

let timer = 0;
export function soonQueue() {
  clearTimeout(timer);
  timer = setTimeout(() => state.key && loadQueue().catch(showError), 250);
  soonVideos();
}

async function moveInHistory(path, steps) {
  const answer = await send(path, () => (steps() > 0 ? { steps: steps() } : null));
  if (answer) showStatus(answer.said);
  soonQueue();
}

export const undo = () => moveInHistory("undo", () => 1);
export const redo = () => moveInHistory("redo", () => 1);

// undo, or redo, until a number of steps is in effect
export const undoTo = (count) => moveInHistory("undo", () => state.history.position - count);
export const redoTo = (count) => moveInHistory("redo", () => count - state.history.position);

// true if the selected object can have a mask in this frame; reports the reason otherwise
export function canMark() {
  if (!state.film) return false;
  if (state.object === null) return refuse("first add an object: T or + New");
  if (look.locked.has(state.object)) return refuse(`${nameOf(state.object)} is locked (Shift+L unlocks it)`);
  if (isBusy()) return true; // what is on its way may add the segment; the server knows
  if (!segmentAt(state.object, state.frame)) {
    return refuse(`${state.objects.get(state.object).name} is silent in this frame: add a segment first (I, O, Enter)`);
  }
  return true;
}

function refuse(reason) {
  showStatus(reason, "warn");
  return false;
}

let copied = null; // {mask, from}

// after the requests before it, which may change the mask
export function copyMask() {
  const { object, frame } = state;
  if (object === null) return refuse("first add an object: T or + New");
  return enqueue(null, () => {
    const mask = maskOf(realId(object), frame)?.rle;
    if (mask) copied = { mask, from: frame };
    if (mask) showStatus(`mask of frame ${frame} copied: Ctrl+V puts it into another frame`);
    else refuse(`frame ${frame} has no mask to copy`);
    return null;
  }, { quiet: true });
}

// the copied mask becomes the painted mask of the selected object in this frame
export async function pasteMask() {
  if (!copied && !isBusy()) return refuse("copy a mask first (Ctrl+C)");
  if (!canMark()) return false;
  const { object, frame } = state;
  countClick();
  let from = null;
  const answer = await send("brush", () => {
    if (!fits(copied)) return null;
    from = copied.from;
    return { object, frame, mask: copied.mask };
  });
  if (answer) showStatus(`mask of frame ${from} put into frame ${frame}`);
  return answer;
}

// whether a copied mask can be put into this video
function fits(copy) {
  if (copy && copy.mask.size[0] === state.film.height && copy.mask.size[1] === state.film.width) return true;
  return refuse(copy ? "the copied mask is of a video of another size" : "copy a mask first (Ctrl+C)");
}

// remove the pixels of the mask from the other objects in this frame
export async function cutOut() {
  if (state.object === null || (!isBusy() && !maskOf(state.object, state.frame)?.rle)) return refuse("this frame has no mask to cut out of the others");
  countClick();
  const answer = await send("cut_out", { object: state.object, frame: state.frame, keep: [...look.locked] });
  if (answer) showStatus(answer.added.length ? `${nameOf(state.object)} cut out of ${answer.added.length} other mask${answer.added.length > 1 ? "s" : ""}` : "no other mask lies under it");
  return answer;
}

export async function clearMask() {
  if (state.object !== null && segmentAt(state.object, state.frame)) await act({ op: "clear_mask", object: state.object, frame: state.frame });
}

export async function addSegment() {
  if (state.object === null) return refuse("first add an object: T or + New");
  let { start, end } = state.marks;
  if (start === null && end === null) return refuse("mark a start (I) and an end (O) first");
  start ??= Math.min(state.frame, end - 1);
  end ??= Math.max(state.frame + 1, start + 1);
  if (end <= start) return refuse("the end (O) is before the start (I)");
  state.marks = { start: null, end: null };
  return newSegment(state.object, start, end);
}

export function newSegment(object, start, end) {
  return add("segments", { object, start, end, status: "open" }, { op: "add_segment", object, start, end });
}

// move the edge of the selected segment that is nearer to the current frame
export async function nudge(step) {
  const segment = state.segments.get(state.segment);
  if (!segment) return refuse("select a segment first (, and .)");
  const first = Math.abs(state.frame - segment.start) <= Math.abs(state.frame - (segment.end - 1));
  const edge = first ? "start" : "end";
  return act(() => {
    const current = state.segments.get(realId(segment.id));
    return current ? { op: "edit_segment", segment: current.id, [edge]: current[edge] + step } : null;
  });
}

// move the start or the end of the selected segment to the current frame
export async function moveEdge(edge) {
  const segment = state.segments.get(state.segment);
  if (!segment) return refuse("select a segment first (, and .)");
  return act({ op: "edit_segment", segment: segment.id, [edge]: state.frame + (edge === "end" ? 1 : 0) });
}

export const split = () => {
  const segment = segmentAt(state.object, state.frame);
  if (!segment) return refuse("this object has no segment to split here");
  return act({ op: "split_segment", segment: segment.id, at: state.frame });
};

// merge the selected segment with the next one of its object
export const merge = () => {
  const segment = state.segments.get(state.segment);
  if (!segment) return refuse("select a segment first (, and .)");
  const next = [...state.segments.values()].filter((s) => s.object === segment.object && s.start >= segment.end).sort((a, b) => a.start - b.start)[0];
  if (!next) return refuse("this object has no later segment to merge with");
  return act({ op: "merge_segments", segments: [segment.id, next.id] });
};

export const moveSegment = (segment, object) => act({ op: "move_segment", segment, object });

// all segments of an object become segments of another one of the same or another class
export const joinObjects = (object, into) => act(
  ...segmentsOf(object).map((segment) => ({ op: "move_segment", segment: segment.id, object: into })), { op: "remove_object", object });

export async function removeSegment() {
  if (state.segment === null) return refuse("select a segment first (, and .)");
  return act({ op: "remove_segment", segment: state.segment });
}

export async function accept() {
  if (state.object === null) return false;
  const info = infoOf(state.object, state.frame);
  if (!info) return refuse("this frame has no mask to accept");
  const op = info.accepted ? "unaccept" : "accept";
  const answer = await act({ op, object: state.object, frames: [state.frame] });
  if (answer) showStatus(op === "accept" ? `frame ${state.frame} accepted: propagation stops there` : `frame ${state.frame} is open again`);
  return answer;
}

export async function judge(status) {
  const segment = state.segments.get(state.segment);
  if (!segment) return refuse("select a segment first (, and .)");
  const answer = await act({ op: "set_segment_status", segment: segment.id, status: segment.status === status ? "open" : status });
  if (answer) showStatus(`segment ${state.segments.get(segment.id)?.status ?? status}`);
  return answer;
}

export async function finishVideo() {
  if (!state.film) return;
  const status = state.videoStatus === "done" ? "open" : "done";
  if (await act({ op: "set_status", status })) showStatus(status === "done" ? `${state.name} is done` : `${state.name} is open again`);
}

// one segment: what is missing or stale, or all of it again
export async function propagate(direction = "both", whole = false) {
  const segment = segmentAt(state.object, state.frame) ?? state.segments.get(state.segment);
  if (!segment) return refuse("select a segment first (, and .)");
  const answer = await ask("propagate", { segment: segment.id, direction, whole, refine: settings.refine });
  if (answer && !answer.total) showStatus("every frame is up to date; Alt+F propagates all of them again");
  else if (answer) {
    state.segment = segment.id;
    showStatus(`${nameOf(segment.object)}: propagating ${whole ? "all frames again" : direction === "both" ? "in both directions" : direction}`);
    changed("document");
  }
  return answer;
}

// all segments of the selected object, or of all objects, from the nearest accepted masks of any of its segments
export async function fill(everything = false) {
  if (!state.film) return false;
  if (!everything && state.object === null) return refuse("first add an object: T or + New");
  if (!state.segments.size) return refuse("mark when it sounds first (I, O, Enter)");
  const here = segmentAt(state.object, state.frame)?.id ?? null;
  const answer = await ask("fill", { object: everything ? null : state.object, first: here, refine: settings.refine });
  if (!answer) return answer;
  const whose = everything ? "all objects" : nameOf(state.object);
  if (!answer.segments) showStatus(`${whose}: every frame is up to date; Alt+F propagates a segment again`);
  else {
    setRuns(answer);
    showStatus(`${whose}: ${answer.total} frames in ${answer.segments} segment${answer.segments > 1 ? "s" : ""} are propagated; go on meanwhile`);
  }
  return answer;
}

const nameOf = (object) => state.objects.get(object)?.name ?? "?";

// queue a request that does not edit the document itself
const ask = (path, body) => enqueue(path, () => body, { quiet: true });

// end one propagation, or all of them
export async function cancel(run = null) {
  if (state.runs.length) await post(at(state.key, "cancel"), { run }).catch(showError);
}

export const runFirst = (run) => post(at(state.key, `runs/${run}/first`)).catch(showError);

export async function refine() {
  if (!canMark()) return;
  const answer = await send("refine", { object: state.object, frame: state.frame });
  if (answer) showStatus("frame refined from its points");
}

// Everything that changes the video. One request after the other: each builds on the version the last one made.

import { at, post } from "./api.js";
import { loadQueue, reload, take } from "./document.js";
import { forgetMasks, put } from "./masks.js";
import { complain, say } from "./status.js";
import { changed, infoOf, segmentAt, state } from "./store.js";
import { clicked } from "./spend.js";

let line = Promise.resolve();

// queues a request that carries the version it builds on; true when it was done
function send(what, body) {
  const key = state.key;
  if (!key) return Promise.resolve(false);
  state.saving++;
  changed("saved");
  const job = line.then(async () => {
    try {
      if (key !== state.key) return false;
      const answer = await post(at(key, what), { ...body, base_version: state.version });
      if (key !== state.key) return false;
      if (answer.touched?.length) forgetMasks(answer.touched);
      if (answer.snapshot) take(answer.snapshot);
      answer.frames?.forEach(put);
      changed("masks", "frame"); // the frame's masks are fetched where they did not come along
      return answer;
    } catch (error) {
      complain(error);
      if (error.status === 409) {
        forgetMasks();
        await reload().catch(complain);
        changed("frame");
      }
      return false;
    } finally {
      state.saving--;
      changed("saved");
    }
  });
  line = job.then(() => {});
  return job;
}

export async function act(...ops) {
  const answer = await send("do", { ops });
  if (answer) soonQueue();
  return answer;
}

let timer = 0;
export function soonQueue() {
  clearTimeout(timer);
  timer = setTimeout(() => state.key && loadQueue().catch(complain), 250);
}

export async function undo(steps = 1) {
  const answer = await send("undo", { steps });
  if (answer) say(answer.said);
  soonQueue();
}

export async function redo(steps = 1) {
  const answer = await send("redo", { steps });
  if (answer) say(answer.said);
  soonQueue();
}

// where the chosen object may be marked: says why not otherwise
export function mayMark() {
  if (!state.film) return false;
  if (state.object === null) return refuse("first add what sounds: T or + New");
  if (!segmentAt(state.object, state.frame)) {
    return refuse(`${state.objects.get(state.object).name} is silent in this frame: mark a segment first (I, O, Enter)`);
  }
  return true;
}

function refuse(why) {
  say(why, "warn");
  return false;
}

export function click(points, box = null) {
  if (!mayMark()) return Promise.resolve(false);
  clicked();
  const body = { object: state.object, frame: state.frame, points };
  if (box) body.box = box;
  return send(box ? "box" : "click", body);
}

export function brush(mask) {
  clicked();
  return send("brush", { object: state.object, frame: state.frame, mask });
}

export async function clearMask() {
  if (state.object !== null && segmentAt(state.object, state.frame)) await act({ op: "clear_mask", object: state.object, frame: state.frame });
}

export async function addSegment() {
  if (state.object === null) return refuse("first add what sounds: T or + New");
  let { start, end } = state.marks;
  if (start === null && end === null) return refuse("mark a start (I) and an end (O) first");
  start ??= Math.min(state.frame, end - 1);
  end ??= Math.max(state.frame + 1, start + 1);
  if (end <= start) return refuse("the end (O) lies before the start (I)");
  state.marks = { start: null, end: null };
  return newSegment(state.object, start, end);
}

export async function newSegment(object, start, end) {
  const before = new Set(state.segments.keys());
  const answer = await act({ op: "add_segment", object, start, end });
  changed("timeline");
  if (!answer) return false;
  for (const id of state.segments.keys()) if (!before.has(id)) state.segment = id;
  changed("document");
  return true;
}

// the edge of the chosen segment that is nearer to the frame moves by some frames
export async function nudge(step) {
  const one = state.segments.get(state.segment);
  if (!one) return refuse("choose a segment first (, and .)");
  const first = Math.abs(state.frame - one.start) <= Math.abs(state.frame - (one.end - 1));
  const edge = first ? { start: one.start + step } : { end: one.end + step };
  return act({ op: "edit_segment", segment: one.id, ...edge });
}

export const split = () => {
  const one = segmentAt(state.object, state.frame);
  if (!one) return refuse("there is no segment of this object to split here");
  return act({ op: "split_segment", segment: one.id, at: state.frame });
};

// the chosen segment and the next one of its object become one
export const merge = () => {
  const one = state.segments.get(state.segment);
  if (!one) return refuse("choose a segment first (, and .)");
  const next = [...state.segments.values()].filter((s) => s.object === one.object && s.start >= one.end).sort((a, b) => a.start - b.start)[0];
  if (!next) return refuse("there is no later segment of this object to merge with");
  return act({ op: "merge_segments", segments: [one.id, next.id] });
};

export async function removeSegment() {
  if (state.segment === null) return refuse("choose a segment first (, and .)");
  return act({ op: "remove_segment", segment: state.segment });
}

export async function accept() {
  if (state.object === null) return false;
  const info = infoOf(state.object, state.frame);
  if (!info) return refuse("there is no mask here to accept");
  const op = info.accepted ? "unaccept" : "accept";
  const answer = await act({ op, object: state.object, frames: [state.frame] });
  if (answer) say(op === "accept" ? `frame ${state.frame} accepted: propagation stops at it` : `frame ${state.frame} is open again`);
  return answer;
}

export async function judge(status) {
  const one = state.segments.get(state.segment);
  if (!one) return refuse("choose a segment first (, and .)");
  const answer = await act({ op: "set_segment_status", segment: one.id, status: one.status === status ? "open" : status });
  if (answer) say(`segment ${state.segments.get(one.id)?.status ?? status}`);
  return answer;
}

export async function finishVideo() {
  if (!state.film) return;
  const status = state.videoStatus === "done" ? "open" : "done";
  if (await act({ op: "set_status", status })) say(status === "done" ? `${state.name} is done` : `${state.name} is open again`);
}

export async function propagate(direction = "both", whole = false) {
  const one = segmentAt(state.object, state.frame) ?? state.segments.get(state.segment);
  if (!one) return refuse("choose a segment first (, and .)");
  const answer = await ask("propagate", { segment: one.id, direction, whole });
  if (answer && !answer.total) say("every frame is up to date; Alt+F propagates all of them again");
  else if (answer) {
    state.segment = one.id;
    say(direction === "both" ? "propagating from the marked frames in both directions" : `propagating ${direction}`);
    changed("document");
  }
  return answer;
}

// a request that changes nothing at once, behind all that does
function ask(what, body) {
  const key = state.key;
  const job = line.then(() => post(at(key, what), body)).catch((error) => {
    complain(error);
    return false;
  });
  line = job.then(() => {});
  return job;
}

export async function cancel() {
  if (state.run) await post(at(state.key, "cancel")).catch(complain);
}

export async function refine() {
  if (!mayMark()) return;
  const answer = await send("refine", { object: state.object, frame: state.frame });
  if (answer) say("this frame refined from its points");
}

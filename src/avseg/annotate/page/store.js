// State of the page and its listeners, which run once per animation frame.

export const state = {
  videos: [],
  classes: [], // of the project: {name, colour}
  formats: { out: [], in: [] },
  audioBranch: null, // the run that proposes classes
  key: null, // of the open video
  name: "",
  film: null, // {frames, fps, height, width, has_sound, duration}
  times: new Float64Array(0), // presentation time of each frame in seconds, and the end of the last one
  version: 0,
  objects: new Map(), // id -> {id, label, name, colour}
  segments: new Map(), // id -> {id, object, start, end, status, seconds, clicks, quality}
  info: new Map(), // object -> Map(frame -> {source, accepted, stale, score})
  videoStatus: "",
  history: { done: [], undone: [], position: 0 }, // position: number of steps in effect
  queue: [],
  frame: 0,
  object: null,
  segment: null,
  marks: { start: null, end: null },
  tool: "points",
  minus: false, // clicks and strokes are off the object, for pens and fingers
  brush: 18,
  opacity: 0.45,
  compare: "off", // off, before: show the propagated mask instead of the refined one
  lit: false, // dim everything but the masks while playing
  playing: false,
  rate: 1, // of playback
  range: { from: 0, to: 1 }, // visible part of the timeline, in seconds
  report: 0, // number of the latest report of the runs
  runs: [], // propagations: {id, segment, object, start, end, state, done, total, share, speed, left}, the running one first
  run: null, // the running one
  requests: 0, // that wait or are not answered yet
  saving: 0, // those of them that change the document
  offline: false,
};

// objects that are hidden, shown alone, or locked against changes, by this tab
export const look = { hidden: new Set(), solo: null, locked: new Set() };
export const isShown = (object) => (look.solo === null ? !look.hidden.has(object) : look.solo === object);

const listeners = new Map();
let pendingTopics = null;

export function on(topics, listener) {
  for (const topic of topics.split(" ")) {
    if (!listeners.has(topic)) listeners.set(topic, new Set());
    listeners.get(topic).add(listener);
  }
}

export function changed(...topics) {
  if (!pendingTopics) {
    pendingTopics = new Set();
    requestAnimationFrame(flush);
  }
  topics.forEach((topic) => pendingTopics.add(topic));
}

function flush() {
  const topics = pendingTopics;
  pendingTopics = null;
  const due = new Set();
  for (const topic of topics) for (const listener of listeners.get(topic) ?? []) due.add(listener);
  for (const listener of due) listener();
}

// the segment of an object that contains a frame
export function segmentAt(object, frame) {
  for (const segment of state.segments.values()) if (segment.object === object && segment.start <= frame && frame < segment.end) return segment;
  return null;
}

export const segmentsOf = (object) =>
  [...state.segments.values()].filter((segment) => object === null || segment.object === object).sort((a, b) => a.start - b.start || a.object - b.object);

export const infoOf = (object, frame) => state.info.get(object)?.get(frame);

// the frame shown at a time in seconds
export function frameAt(time) {
  const times = state.times;
  let low = 0;
  let high = Math.max(0, times.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= time + 1e-6) low = middle;
    else high = middle - 1;
  }
  return low;
}

// Load a video from the server into the state of the page.

import { clearAdded, keepAdded, settled } from "./added.js";
import { at, getJson, post, getBytes } from "./api.js";
import { forgetSent } from "./drafts.js";
import { forgetFrames } from "./frames.js";
import { $ } from "./html.js";
import { clearMasks } from "./masks.js";
import { showStatus } from "./status.js";
import { changed, look, segmentAt, state } from "./store.js";

export async function loadVideos() {
  const answer = await getJson("/api/videos");
  state.videos = answer.videos;
  state.backend = answer.backend;
  state.audioBranch = answer.audio_branch;
  showBackends(answer.backends);
  changed("videos");
}

// what draws and propagates, and what else there is
function showBackends(rows) {
  $("backend").textContent = rows.filter((row) => row.state === "in use").map((row) => row.title.split(":")[0]).join(" · ");
  $("backend").title = rows.map((row) => `${row.name}: ${row.title} (${row.state}${row.command ? `; ${row.command}` : ""})`).join("\n");
}

let opening = null; // key of the video that is being loaded, the last selected one

export async function openVideo(key) {
  if (opening === key || (opening === null && key === state.key)) return;
  opening = key;
  try {
    showStatus("opening …");
    const opened = await post(at(key, "open"));
    const times = new Float64Array(await getBytes(at(key, "times")));
    while (state.requests) await new Promise((done) => setTimeout(done, 20)); // what was done in the video that is left
    if (opening !== key) return;
    leave();
    await show(key, opened, times);
  } finally {
    if (opening === key) opening = null;
  }
}

// keep what the list shows of the video that is left
function leave() {
  const row = state.videos.find((video) => video.key === state.key);
  if (row) Object.assign(row, { status: state.version ? state.videoStatus : "new", objects: state.objects.size, segments: state.segments.size });
}

let listTimer = 0;
// the list is read again soon: other annotators work on other videos, and scores change
export function soonVideos() {
  clearTimeout(listTimer);
  listTimer = setTimeout(() => loadVideos().catch(() => {}), 1500);
}

async function show(key, opened, times) {
  look.hidden.clear();
  look.locked.clear();
  look.solo = null;
  forgetFrames();
  forgetSent();
  clearAdded();
  clearMasks();
  Object.assign(state, { key, name: opened.name, film: opened.film, times, object: null, segment: null, runs: [], run: null, report: 0, frame: 0, version: 0 });
  state.marks = { start: null, end: null };
  state.range = { from: 0, to: times[times.length - 1] || 1 };
  applySnapshot(opened.snapshot);
  state.object = state.objects.keys().next().value ?? null;
  changed("film", "document", "frame", "run", "tool");
  history.replaceState(null, "", `#${encodeURIComponent(opened.name)}`);
  showStatus(opened.note || `${opened.name}: ${opened.film.frames} frames, ${opened.film.width}×${opened.film.height}`);
  await loadQueue();
  soonVideos();
}

// a report of the queue, of an answer or an event, unless a later one is here already
export function setRuns({ runs, report }) {
  if (report <= state.report) return;
  state.report = report;
  state.runs = runs;
  state.run = runs.find((run) => run.state === "running") ?? runs[0] ?? null;
  changed("run", "timeline");
}

// propagations that began before this page was connected
export async function loadRuns() {
  const key = state.key;
  const report = await getJson(at(key, "runs"));
  if (key === state.key) setRuns(report);
}

// everything but masks, as the server has it now
export async function reload() {
  if (!state.key) return;
  const key = state.key;
  const snapshot = await getJson(at(key, "snapshot"));
  if (key === state.key) applySnapshot(snapshot);
}

// The same after what others did, which no answer contains. What this tab adds is not shown twice, under the id of the
// server and the one that it has until it is answered.
export async function reloadWhenSettled() {
  const key = state.key;
  while (key !== null && key === state.key) {
    const snapshot = await getJson(at(key, "snapshot"));
    await settled();
    if (key !== state.key || applySnapshot(snapshot)) return; // otherwise an answer has overtaken it
  }
}

// A snapshot with all frames, or with patches of a change: the frames from start to end (exclusive) of an object. One that
// a later one has overtaken on its way is left out; false for such a one.
export function applySnapshot(snapshot) {
  if (snapshot.version < state.version) return false;
  state.version = snapshot.version;
  state.objects = new Map(snapshot.objects.map((object) => [object.id, object]));
  colourObjects();
  state.segments = new Map(snapshot.segments.map((segment) => [segment.id, segment]));
  keepAdded();
  state.history = snapshot.history;
  state.videoStatus = snapshot.status;
  if (snapshot.frames) {
    state.info = new Map();
    for (const [object, columns] of Object.entries(snapshot.frames)) fill(Number(object), columns);
  }
  for (const patch of snapshot.patches ?? []) {
    const rows = state.info.get(patch.object);
    for (let frame = patch.start; rows && frame < patch.end; frame++) rows.delete(frame);
    fill(patch.object, patch);
  }
  for (const object of [...state.info.keys()]) if (!state.objects.has(object)) state.info.delete(object);
  for (const segment of state.segments.values()) segment.quality = state.quality?.[segment.id];
  if (state.object !== null && !state.objects.has(state.object)) state.object = null;
  if (state.object === null && state.objects.size) state.object = state.objects.keys().next().value;
  if (state.segment !== null && !state.segments.has(state.segment)) state.segment = null;
  if (state.segment === null && state.object !== null) state.segment = segmentAt(state.object, state.frame)?.id ?? null;
  changed("document");
  return true;
}

// the first object of a class has the colour of the class, further ones their own
export function colourObjects() {
  const seen = new Set();
  for (const object of state.objects.values()) {
    object.own ??= object.colour;
    const listed = state.classes.find((item) => item.name === object.label);
    object.colour = listed && !seen.has(object.label) ? listed.colour : object.own;
    seen.add(object.label);
  }
}

function fill(object, columns) {
  if (!state.info.has(object)) state.info.set(object, new Map());
  const rows = state.info.get(object);
  columns.frame.forEach((frame, i) => rows.set(frame, {
    source: columns.source[i], accepted: columns.accepted[i], stale: columns.stale[i], score: columns.score[i],
  }));
}

let requests = 0;
export async function loadQueue() {
  const key = state.key;
  const mine = ++requests;
  const answer = await getJson(at(key, "queue"));
  if (key !== state.key || mine !== requests) return;
  state.queue = answer.queue;
  for (const [id, quality] of Object.entries(answer.quality)) {
    const segment = state.segments.get(Number(id));
    if (segment) segment.quality = quality;
  }
  state.quality = answer.quality;
  changed("queue", "document");
}

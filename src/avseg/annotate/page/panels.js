// Side panels: videos, history, objects and the review queue ("check this first").

import { redoTo, undoTo } from "./actions.js";
import { openVideo } from "./document.js";
import { editObject, newObject } from "./dialogs.js";
import { $, h, named, refill, swatch } from "./html.js";
import { css, quality } from "./palette.js";
import { goTo } from "./stage.js";
import { showError } from "./status.js";
import { changed, isShown, look, on, segmentAt, segmentsOf, state } from "./store.js";
import { clock } from "./timeline.js";

export function startPanels() {
  on("videos film document", showVideos);
  on("film document", showHistory);
  on("film document frame", showObjects);
  new ResizeObserver(showChosen).observe($("objects")); // there may be room for fewer rows now
  on("queue document frame", showQueue);
  $("add-object").onclick = newObject;
  $("next-worst").onclick = nextWorst;
}

const STATUS = { new: "new", open: "in progress", done: "done", skipped: "skipped", broken: "cannot be opened" };

function showVideos() {
  const rows = state.videos.map((video) => {
    const here = video.key === state.key;
    const status = here ? (state.version ? state.videoStatus : "new") : video.status;
    const objects = here ? state.objects.size : video.objects;
    const segments = here ? state.segments.size : video.segments;
    const counts = objects ? `${objects} obj · ${segments} seg` : "";
    const length = video.seconds ? clock(video.seconds, 1) : "";
    return h(here ? "button.item.video.chosen" : "button.item.video", { "data-key": video.key, title: video.name, onclick: () => openVideo(video.key).catch(showError) },
      h(`span.dot.${status}`, { title: STATUS[status] ?? status }),
      h("span.name", {}, video.name),
      h("span.sub", {}, [length, counts, counts && status === "open" ? "" : STATUS[status] ?? status, worked(video), worst(video)].filter(Boolean).join(" · ")));
  });
  refill($("videos"), ...(rows.length ? rows : [h("p.none", {}, "no videos in this folder")]));
}

const worked = (video) => (video.spent >= 30 ? `${Math.round(video.spent / 60) || 1} min` : "");
const worst = (video) => (typeof video.worst === "number" ? `worst ${video.worst.toFixed(2)}` : "");

// "propagate · dog, frames 3–9": the frames stay in sight
function step(text) {
  const [, name, frames] = /^(.*), frames? ([^,]*)$/.exec(text) ?? [null, text, ""];
  return named(name, frames ? ` f ${frames}` : "");
}

function showHistory() {
  const { done, undone, position } = state.history;
  // a step is identified by the number of steps that are in effect after it
  const rows = [
    ...undone.slice(0, 6).map((text, i) => [text, position + 1 + i]).reverse()
      .map(([text, count]) => h("button.item.undone", { "data-key": count, title: `${text}: redo up to this step`, onclick: () => redoTo(count) }, step(text))),
    ...done.slice(0, 40).map((text, i) => [text, position - i])
      .map(([text, count], i) => h(i ? "button.item" : "button.item.chosen", { "data-key": count, title: `${text}${i ? ": undo all later steps" : ", the last step"}`, onclick: () => undoTo(count) }, step(text))),
  ];
  refill($("history"), ...(rows.length ? rows : [h("p.none", {}, "no steps yet")]));
}

export function hide(object = state.object) {
  if (object === null) return;
  look.solo = null;
  if (!look.hidden.delete(object)) look.hidden.add(object);
  changed("document", "masks");
}

export function solo(object = state.object) {
  look.solo = look.solo === object ? null : object;
  changed("document", "masks");
}

export function lock(object = state.object) {
  if (object === null) return;
  if (!look.locked.delete(object)) look.locked.add(object);
  changed("document");
}

let inSight = null; // object whose row was scrolled into view

function showObjects() {
  const rows = [...state.objects.values()].map((object, i) => {
    const chosen = object.id === state.object;
    const sounding = segmentAt(object.id, state.frame);
    return h(chosen ? "div.item.object.chosen" : "div.item.object", { "data-key": object.id },
      h("button.pick", { title: object.name, ariaPressed: String(chosen), onclick: () => select(object.id) },
        h("kbd", {}, i < 9 ? String(i + 1) : ""), swatch(css(object.colour)), h("span.name", {}, object.name), h("span.sub", { title: sounding ? "sounds in this frame" : "silent in this frame" }, sounding ? "♪" : "silent")),
      h("button.small.quiet", { title: `Show or hide ${object.name} (H; Shift+H: alone)`, ariaLabel: `Hide ${object.name}`, ariaPressed: String(!isShown(object.id)), onclick: () => hide(object.id) }, isShown(object.id) ? "◉" : "○"),
      h("button.small.quiet", { title: `Lock ${object.name} against changes (Shift+L)`, ariaLabel: `Lock ${object.name}`, ariaPressed: String(look.locked.has(object.id)), onclick: () => lock(object.id) }, look.locked.has(object.id) ? "▣" : "□"),
      h("button.small.quiet", { title: `Name, label, remove: ${object.name}`, ariaLabel: `Name, label, remove: ${object.name}`, onclick: () => editObject(object) }, "⋯"));
  });
  refill($("objects"), ...(rows.length ? rows : [h("p.none", {}, "which objects sound in this video? ", h("kbd", {}, "T"), " adds one")]));
  if (inSight !== state.object) requestAnimationFrame(showChosen);
  inSight = state.object;
}

const showChosen = () => $("objects").querySelector(".chosen")?.scrollIntoView({ block: "nearest" });

export function select(object) {
  if (object === undefined || !state.objects.has(object)) return;
  state.object = object;
  state.segment = segmentAt(object, state.frame)?.id ?? null;
  changed("document", "draft");
}

function showQueue() {
  const rows = state.queue.map((row, i) => {
    const object = state.objects.get(row.object);
    if (!object) return null;
    const bar = h("span.meter", {}, h("i"));
    // the share of frames to look at, never a score that looks good for a wrong mask
    const check = state.quality?.[row.segment] ?? { to_check: 0, total: 1 };
    bar.firstChild.style.width = `${Math.round((100 * check.to_check) / Math.max(check.total, 1))}%`;
    bar.firstChild.style.background = quality(0);
    return h(row.segment === state.segment ? "button.item.queued.chosen" : "button.item.queued", { "data-key": `${row.segment} ${row.frame}`, title: row.reason, onclick: () => visit(row) },
      h("span.rank", {}, String(i + 1)), swatch(css(object.colour)),
      named(object.name, `, frame ${row.frame}`), h("span.score", {}, `${check.to_check} of ${check.total}`),
      bar, h("span.sub", {}, check.to_check ? row.reason : "nothing looks wrong"));
  }).filter(Boolean);
  refill($("queue"), ...(rows.length ? rows : [h("p.none", {}, "nothing to check: propagate a segment (F)")]));
}

function visit(row) {
  state.object = row.object;
  state.segment = row.segment;
  goTo(row.frame);
  changed("document", "frame", "queue");
}

// go to the worst segment first; from a listed frame to the next one
let visited = -1;
export function nextWorst() {
  if (!state.queue.length) return;
  const here = state.queue.findIndex((row) => row.segment === state.segment && row.frame === state.frame);
  visited = here >= 0 ? (here + 1) % state.queue.length : 0;
  visit(state.queue[visited]);
}

export function neighbour(step) {
  const all = segmentsOf(state.object);
  if (!all.length) return;
  const here = all.findIndex((segment) => segment.id === state.segment);
  let next = here + step;
  if (here < 0) next = step > 0 ? all.findIndex((segment) => segment.start >= state.frame) : all.findLastIndex((segment) => segment.end <= state.frame);
  const segment = all[Math.max(0, Math.min(all.length - 1, next))];
  state.segment = segment.id;
  goTo(segment.start);
  changed("document", "frame");
}

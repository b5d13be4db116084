// Mouse input on the timeline: scrub, select and drag segment edges, drag a new segment, zoom and pan.

import { act, newSegment } from "./actions.js";
import { borderOf, frameOf, GUTTER, laneAt, panTime, scrollLanes, timeOf, TOP, width, xOfFrame, zoomSegment, zoomTime } from "./axis.js";
import { $ } from "./html.js";
import { pause } from "./player.js";
import { goTo } from "./stage.js";
import { changed, segmentsOf, state } from "./store.js";
import { hover } from "./timeline.js";

const canvas = $("time");
const NEAR = 6; // pixels
let drag = null;

export function startTimelineMouse() {
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", () => finish());
  canvas.addEventListener("dblclick", (event) => over(event).segment && zoomSegment());
  canvas.addEventListener("wheel", wheel, { passive: false });
}

// the lane, the segment and the nearby edge under the mouse
function over(event) {
  const [x, y] = [event.offsetX, event.offsetY];
  const object = laneAt(y);
  if (object === null || x < GUTTER) return { object };
  for (const segment of segmentsOf(object)) {
    const [x0, x1] = [xOfFrame(segment.start), xOfFrame(segment.end)];
    const near = Math.min(NEAR, (x1 - x0) / 3);
    if (Math.abs(x - x0) <= near || (x < x0 && x0 - x <= NEAR)) return { object, segment, edge: "start" };
    if (Math.abs(x - x1) <= near || (x > x1 && x - x1 <= NEAR)) return { object, segment, edge: "end" };
    if (x0 < x && x < x1) return { object, segment };
  }
  return { object };
}

function down(event) {
  if (!state.film || event.button > 1) return;
  canvas.setPointerCapture(event.pointerId);
  const x = event.offsetX;
  if (event.button === 1) return begin({ kind: "pan", time: timeOf(x) });
  const under = over(event);
  if (under.object !== null && under.object !== undefined) state.object = under.object;
  if (event.offsetY < TOP || x < GUTTER || under.object === null) {
    if (x >= GUTTER) scrub(x);
    changed("document");
    return begin({ kind: "scrub" });
  }
  if (under.segment) {
    state.segment = under.segment.id;
    if (!under.edge) scrub(x);
  }
  changed("document");
  if (under.edge) return begin({ kind: "edge", ...under, start: under.segment.start, end: under.segment.end });
  if (under.segment) return begin({ kind: "scrub" });
  return begin({ kind: "new", object: under.object, from: x, border: borderOf(x) });
}

const begin = (what) => (drag = what);

function scrub(x) {
  pause();
  goTo(frameOf(x));
}

function move(event) {
  const x = event.offsetX;
  if (!state.film) return;
  if (!drag) {
    canvas.style.cursor = over(event).edge ? "ew-resize" : event.offsetY < TOP ? "text" : "default";
    return;
  }
  if (drag.kind === "scrub") scrub(Math.max(GUTTER, x));
  else if (drag.kind === "pan") panTime(drag.time - timeOf(x));
  else if (drag.kind === "edge") {
    const border = borderOf(x);
    if (drag.edge === "start") drag.start = Math.min(border, drag.end - 1);
    else drag.end = Math.max(border, drag.start + 1);
    hover.preview = { object: drag.object, start: drag.start, end: drag.end };
    goTo(drag.edge === "start" ? drag.start : drag.end - 1);
  } else if (drag.kind === "new" && Math.abs(x - drag.from) > 4) {
    const border = borderOf(x);
    hover.preview = { object: drag.object, start: Math.min(border, drag.border), end: Math.max(border, drag.border) };
  }
  changed("timeline");
}

async function up(event) {
  const [done, preview] = [drag, hover.preview];
  finish();
  if (!done) return;
  if (done.kind === "edge" && (done.start !== done.segment.start || done.end !== done.segment.end)) {
    await act({ op: "edit_segment", segment: done.segment.id, [done.edge]: done[done.edge] });
  } else if (done.kind === "new" && preview && preview.end > preview.start) await newSegment(done.object, preview.start, preview.end);
  else if (done.kind === "new") scrub(event.offsetX);
}

function finish() {
  drag = null;
  hover.preview = null;
  changed("timeline");
}

function wheel(event) {
  event.preventDefault();
  if (!state.film) return;
  const seconds = (state.range.to - state.range.from) / width();
  if (event.offsetX < GUTTER || event.altKey) scrollLanes(event.deltaY / 2);
  else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) panTime((event.deltaX || event.deltaY) * seconds);
  else zoomTime(Math.exp(event.deltaY * (event.deltaMode === 1 ? 40 : 1) * 0.002), event.offsetX);
}

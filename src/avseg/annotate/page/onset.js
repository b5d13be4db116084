// Snap an edge of a segment to where the sound sets in or ends.

import { act } from "./actions.js";
import { at, getBytes } from "./api.js";
import { showError, showStatus } from "./status.js";
import { frameAt, segmentAt, state } from "./store.js";

const REACH = 0.5; // seconds on both sides
const COLUMNS = 200;
const BLUR = 6; // columns on each side that are compared: 30 ms

// column at which the level rises most (sign 1) or falls most (-1); levels in dB
export function steepest(levels, sign) {
  const mean = (from, to) => levels.slice(from, to).reduce((sum, value) => sum + value, 0) / (to - from);
  let best = null;
  for (let i = BLUR; i <= levels.length - BLUR; i++) {
    const change = sign * (mean(i, i + BLUR) - mean(i - BLUR, i));
    if (!best || change > best.change) best = { column: i, change };
  }
  return best;
}

// move the nearer edge of the selected segment
export async function snapEdge() {
  const segment = segmentAt(state.object, state.frame) ?? state.segments.get(state.segment);
  if (!segment) return showStatus("select a segment first (, and .)", "warn");
  if (!state.film.has_sound) return showStatus("this video has no sound", "warn");
  const first = Math.abs(state.frame - segment.start) <= Math.abs(state.frame - (segment.end - 1));
  const time = state.times[first ? segment.start : segment.end];
  try {
    const bytes = await getBytes(at(state.key, `peaks?start=${time - REACH}&end=${time + REACH}&columns=${COLUMNS}`));
    const peaks = new Float32Array(bytes);
    const levels = Array.from({ length: COLUMNS }, (_, i) => 20 * Math.log10(Math.max(1e-4, -peaks[2 * i], peaks[2 * i + 1])));
    const best = steepest(levels, first ? 1 : -1);
    if (best.change < 3) return showStatus(`the sound ${first ? "sets in" : "ends"} nowhere within half a second`, "warn");
    const when = time - REACH + (best.column / COLUMNS) * 2 * REACH;
    const frame = frameAt(Math.max(0, when));
    const edge = first ? { start: Math.min(frame, segment.end - 1) } : { end: Math.max(frame + 1, segment.start + 1) };
    if (await act({ op: "edit_segment", segment: segment.id, ...edge })) showStatus(`${first ? "start" : "end"} at ${when.toFixed(2)} s, ${best.change.toFixed(0)} dB`);
  } catch (error) {
    showError(error);
  }
  return undefined;
}

// Details of the selected segment and of the current frame: status, cost, quality and origin of the mask.

import { accept, draw, judge, propagate, refine } from "./actions.js";
import { inputsOf } from "./drafts.js";
import { $, h, refill } from "./html.js";
import { maskOf } from "./masks.js";
import { quality } from "./palette.js";
import { on, segmentAt, state } from "./store.js";
import { clock } from "./timeline.js";

const TERMS = {
  returned: "the accepted mask as read back from this frame", second: "compared with another propagator", path: "worst frame on the way from the accepted one",
  agreement: "forward compared with backward propagation", evidence: "evidence of the memory inside the mask",
  refined_iou: "refined compared with propagated mask", likeness: "colour similarity to the accepted masks", segmenter: "score of the segmenter",
  nearness: "similarity to the nearest prototype in memory", focus: "concentration on few prototypes", certainty: "certainty of each pixel",
  shape: "shape similarity to the previous frame", area: "area similarity to the previous frame", whole: "a single component", visible: "mask not empty",
};
const FEW = 3; // worst terms that are shown before all are requested
let all = false;

export function startSegment() {
  on("document frame masks draft run queue", show);
  setInterval(() => state.segment !== null && !state.playing && show(), 5000);
}

function show() {
  const segment = state.segments.get(state.segment) ?? segmentAt(state.object, state.frame);
  refill($("segment"), ...(segment ? rows(segment) : [h("p.none", {}, "no segment in this frame")]), ...(state.film ? frameRows() : []));
}

function rows(segment) {
  const found = state.quality?.[segment.id];
  const button = (text, title, onclick, pressed = false) => h(pressed ? "button.small.pressed" : "button.small", { title, onclick }, text);
  return [
    h("div.pair", {}, h("b", {}, `${state.objects.get(segment.object)?.name ?? "?"}`), h("span.sub", {}, `frames ${segment.start}–${segment.end - 1} · ${seconds(state.times[segment.end] - state.times[segment.start])}`)),
    h("div.pair", {}, h(`span.badge.${segment.status}`, {}, segment.status), h("span.sub", {}, `${seconds(segment.seconds ?? 0)} of work · ${segment.clicks ?? 0} click${segment.clicks === 1 ? "" : "s"}`)),
    found && found.minimum !== null ? qualityRow(found) : h("p.none", {}, "no quality scores yet: propagate"),
    h("div.buttons", { "data-key": `segment ${segment.id}` }, button("Propagate", "This segment, from the marked frames (F: all segments of the object)", () => propagate("both")), button("Accept", "Accept the segment (Shift+A)", () => judge("accepted"), segment.status === "accepted"),
      button("Reject", "Reject the segment (X)", () => judge("rejected"), segment.status === "rejected")),
  ];
}

function qualityRow(found) {
  const cell = (value, name) => h("div.cell", {}, h("b", {}, value), h("span", {}, name));
  const shown = (value) => (value === null ? "–" : value.toFixed(2));
  const row = h("div.cells", { title: "frames to look at, the worst one's probability to be right, and the longest run of frames to look at" },
    cell(`${found.to_check} of ${found.total}`, "to look at"), cell(shown(found.minimum), "worst"), cell(String(found.longest_bad_run), "in a row"));
  row.firstChild.style.boxShadow = `inset 3px 0 ${quality(found.to_check ? 0 : 1)}`;
  return row;
}

function frameRows() {
  const mask = state.object === null ? null : maskOf(state.object, state.frame);
  if (!mask) return inputRows();
  const from = mask.from_frame === null || mask.from_frame === undefined ? "" : ` from ${mask.from_frame}`;
  const terms = Object.entries(mask.terms ?? {}).sort((a, b) => a[1] - b[1]);
  const shown = all ? terms : terms.slice(0, FEW);
  return [
    h("div.pair.above", {}, h("b", {}, `Frame ${state.frame}`), h("span.sub", {}, `${mask.source}${from}${mask.stale ? " · stale" : ""}${mask.accepted ? " · accepted" : ""}`)),
    ...shown.map(([name, value]) => {
      const bar = h("span.meter", {}, h("i"));
      bar.firstChild.style.width = `${Math.round(100 * Math.max(0, Math.min(1, value)))}%`;
      bar.firstChild.style.background = quality(value);
      return h("div.term", { title: TERMS[name] ?? name }, h("span", {}, name.replaceAll("_", " ")), bar, h("em", {}, value.toFixed(2)));
    }),
    ...inputRows(),
    terms.length > FEW ? h("button.small.quiet.more", { onclick: () => { all = !all; show(); } }, all ? "only the worst" : `all ${terms.length} terms`) : null,
    h("div.buttons", { "data-key": `frame ${state.frame} of ${state.object}` }, h(mask.accepted ? "button.small.pressed" : "button.small", { title: "Accept the frame: propagation stops there (A)", onclick: accept }, "Accept frame"),
      h("button.small", { title: "Refine the frame from its points (R)", onclick: refine }, "Refine")),
  ].filter(Boolean);
}

const KINDS = { point: ["point", "point off the object"], box: ["box", "box"], stroke: ["stroke", "eraser"], polygon: ["polygon", "polygon removed"] };
const nameOf = (input) => (input.kind === "choice" ? `mask ${input.values[0] + 1} of ${input.values[1]}` : KINDS[input.kind][input.positive === 0 ? 1 : 0]);

// what was drawn in this frame, each with a button that takes it back and vanishes at once
function inputRows() {
  if (state.object === null) return [];
  const inputs = inputsOf(state.object, state.frame);
  return [h("div.inputs", {}, ...inputs.map((input) => {
    const name = nameOf(input);
    const remove = () => {
      draw({ remove: input.id });
      show();
    };
    return h("button.small.quiet.input", { "data-key": input.id, title: `Remove this ${name}`, onclick: remove }, `${name} ✕`);
  }))];
}

const seconds = (value) => (value >= 60 ? clock(value, 1) : `${value.toFixed(1)} s`);

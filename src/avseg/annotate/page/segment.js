// What is known of the chosen segment and of its frame: status, cost, quality and where the mask comes from.

import { accept, judge, propagate, refine } from "./actions.js";
import { $, h } from "./html.js";
import { maskOf } from "./masks.js";
import { quality } from "./palette.js";
import { on, segmentAt, state } from "./store.js";
import { clock } from "./timeline.js";

const TERMS = {
  agreement: "forward against backward propagation", evidence: "the memory sees the object where the mask is",
  refined_iou: "refined against propagated", likeness: "colours like those of the accepted masks", segmenter: "the segmenter's own score",
  nearness: "how near the memory's prototypes are", focus: "how few prototypes were read", certainty: "how sure each pixel is",
  shape: "shape like in the frame before", area: "area like in the frame before", whole: "in one piece", visible: "there is something",
};
const FEW = 3; // of the terms, the worst ones, until all are asked for
let all = false;

export function startSegment() {
  on("document frame masks run queue", show);
  setInterval(() => state.segment !== null && !state.playing && show(), 5000);
}

function show() {
  const one = state.segments.get(state.segment) ?? segmentAt(state.object, state.frame);
  $("segment").replaceChildren(...(one ? rows(one) : [h("p.none", {}, "no segment here")]), ...(state.film ? frameRows() : []));
}

function rows(one) {
  const found = state.quality?.[one.id];
  const button = (text, title, onclick, pressed = false) => h(pressed ? "button.small.pressed" : "button.small", { title, onclick }, text);
  return [
    h("div.pair", {}, h("b", {}, `${state.objects.get(one.object)?.name ?? "?"}`), h("span.sub", {}, `frames ${one.start}–${one.end - 1} · ${seconds(state.times[one.end] - state.times[one.start])}`)),
    h("div.pair", {}, h(`span.badge.${one.status}`, {}, one.status), h("span.sub", {}, `${seconds(one.seconds ?? 0)} of work · ${one.clicks ?? 0} click${one.clicks === 1 ? "" : "s"}`)),
    found && found.minimum !== null ? qualityRow(found) : h("p.none", {}, "no quality yet: propagate"),
    h("div.buttons", {}, button("Propagate", "Both ways from the marked frames (F)", () => propagate("both")), button("Accept", "Accept the segment (Shift+A)", () => judge("accepted"), one.status === "accepted"),
      button("Reject", "Reject the segment (X)", () => judge("rejected"), one.status === "rejected")),
  ];
}

function qualityRow(found) {
  const cell = (value, name) => h("div.cell", {}, h("b", {}, value), h("span", {}, name));
  const shown = (value) => (value === null ? "–" : value.toFixed(2));
  const row = h("div.cells", { title: "quality of the frames: the worst, the tenth percentile, and the longest run of bad ones" },
    cell(shown(found.minimum), "worst"), cell(shown(found.p10), "10 %"), cell(String(found.longest_bad_run), "bad run"));
  row.firstChild.firstChild.style.color = quality(found.minimum);
  row.children[1].firstChild.style.color = quality(found.p10);
  return row;
}

function frameRows() {
  const mask = state.object === null ? null : maskOf(state.object, state.frame);
  if (!mask) return [];
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
    terms.length > FEW ? h("button.small.quiet.more", { onclick: () => { all = !all; show(); } }, all ? "only the worst" : `all ${terms.length} terms`) : null,
    h("div.buttons", {}, h(mask.accepted ? "button.small.pressed" : "button.small", { title: "Accept the frame: a barrier (A)", onclick: accept }, "Accept frame"),
      h("button.small", { title: "Refine the frame from its points (R)", onclick: refine }, "Refine")),
  ].filter(Boolean);
}

const seconds = (value) => (value >= 60 ? clock(value, 1) : `${value.toFixed(1)} s`);

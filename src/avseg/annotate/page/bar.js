// Toolbars: tools, sliders, clock, saving status and progress of a propagation.

import { cancel, merge, removeSegment, split } from "./actions.js";
import { zoomAll, zoomSegment } from "./axis.js";
import { exchange, propose } from "./dialogs.js";
import { $ } from "./html.js";
import { help, setOpacity } from "./keys.js";
import { maskOf } from "./masks.js";
import { toggle } from "./player.js";
import { changed, infoOf, on, segmentAt, state } from "./store.js";
import { clock } from "./timeline.js";
import { choose, switchSign } from "./tools.js";

export function startBar() {
  for (const button of document.querySelectorAll("[data-tool]")) button.onclick = () => choose(button.dataset.tool);
  $("sign").onclick = switchSign;
  $("size").oninput = (event) => {
    state.brush = Number(event.target.value);
    changed("tool");
  };
  $("opacity").oninput = (event) => setOpacity(event.target.value / 100);
  $("export").onclick = exchange;
  $("help").onclick = help;
  $("play").onclick = (event) => toggle(event.shiftKey);
  $("cancel").onclick = cancel;
  $("propose").onclick = propose;
  $("split").onclick = split;
  $("merge").onclick = merge;
  $("remove").onclick = removeSegment;
  $("zoom-all").onclick = zoomAll;
  $("zoom-segment").onclick = zoomSegment;
  on("tool film", showTools);
  on("saved", showSaved);
  on("run film", showRun);
  on("film frame document masks tool marks play", showFrame);
}

function showTools() {
  for (const button of document.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === state.tool));
  $("sign").setAttribute("aria-pressed", String(state.minus));
  $("sign").textContent = state.minus ? "− off" : "+ on";
  $("size").value = String(Math.round(state.brush));
  $("opacity").value = String(Math.round(100 * state.opacity));
  $("title").textContent = state.name;
  $("empty").hidden = Boolean(state.film);
  showSaved();
}

function showSaved() {
  const text = state.offline ? "offline" : state.saving ? "saving …" : state.key ? "saved" : "";
  $("saved").textContent = text;
  $("saved").className = `saved ${state.offline ? "error" : state.saving ? "busy" : "fine"}`;
}

function showRun() {
  $("run").hidden = !state.run;
  if (!state.run) return;
  $("bar").value = state.run.share ?? 0;
  $("run-text").textContent = `propagating ${state.run.done} / ${state.run.total}`;
}

function showFrame() {
  if (!state.film) return;
  $("clock").textContent = `${clock(state.times[state.frame])} · frame ${state.frame} of ${state.film.frames}`;
  $("play").textContent = state.playing ? "❚❚" : "▶";
  $("marks").textContent = marks();
  $("hud").textContent = hud();
  const mask = state.object === null ? null : maskOf(state.object, state.frame);
  $("compare").hidden = state.compare === "off";
  $("compare").textContent = compared(mask);
}

function compared(mask) {
  if (!mask?.before) return "this frame has no mask to compare (C)";
  return mask.source === "refined" ? "as propagated (C: as refined)" : "before the clicks (C: now)";
}

function marks() {
  const { start, end } = state.marks;
  if (start === null && end === null) return "";
  return `in ${start ?? "–"} · out ${end === null ? "–" : end - 1} · Enter adds the segment, Esc discards`;
}

function hud() {
  if (state.object === null || state.playing) return "";
  const object = state.objects.get(state.object);
  if (!object) return "";
  if (!segmentAt(state.object, state.frame)) return `${object.name} is silent here`;
  const info = infoOf(state.object, state.frame);
  if (!info) return `${object.name} sounds here: click on the object`;
  return `${object.name} · ${info.source}${info.accepted ? " · accepted" : ""}${info.stale ? " · stale: propagate again (F)" : ""}`;
}

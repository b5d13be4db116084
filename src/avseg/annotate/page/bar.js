// Toolbars: tools, sliders, clock, saving status and progress of a propagation.

import { cancel, merge, removeSegment, runFirst, split } from "./actions.js";
import { zoomAll, zoomSegment } from "./axis.js";
import { showBoard } from "./board.js";
import { askFrame, askObject, exchange } from "./dialogs.js";
import { $, h, named, refill, swatch } from "./html.js";
import { help, setOpacity } from "./keys.js";
import { inputsOf } from "./drafts.js";
import { maskOf } from "./masks.js";
import { css } from "./palette.js";
import { showPreferences } from "./preferences.js";
import { setRate, setVolume, toggle } from "./player.js";
import { propose } from "./proposals.js";
import { nextTheme } from "./settings.js";
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
  $("board").onclick = showBoard;
  $("help").onclick = help;
  $("theme").onclick = nextTheme;
  $("settings").onclick = showPreferences;
  $("clock").onclick = askFrame;
  $("rate").onchange = (event) => setRate(Number(event.target.value));
  $("volume").oninput = (event) => setVolume(event.target.value / 100);
  on("play film", () => ($("rate").value = String(state.rate)));
  $("play").onclick = (event) => toggle(event.shiftKey);
  $("cancel").onclick = () => cancel();
  $("propose").onclick = propose;
  $("split").onclick = split;
  $("merge").onclick = merge;
  $("move").onclick = askObject;
  $("remove").onclick = removeSegment;
  $("zoom-all").onclick = zoomAll;
  $("zoom-segment").onclick = zoomSegment;
  on("tool film", showTools);
  on("saved", showSaved);
  on("run film document", showRun);
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
  $("runs-panel").hidden = !state.runs.length;
  if (state.run) {
    $("bar").value = state.run.share ?? 0;
    const waiting = state.runs.length - 1;
    $("run-text").textContent = [runText(state.run), waiting ? `${waiting} waiting${state.runs.at(-1).left ? `, ${time(state.runs.at(-1).left)} for all` : ""}` : ""].filter(Boolean).join(" · ");
  }
  refill($("runs"), ...state.runs.map(runRow));
}

const time = (seconds) => (seconds === null || seconds === undefined ? "" : `${clock(seconds, 1)} left`);
const nameOf = (run) => state.objects.get(run.object)?.name ?? "?";

function runText(run) {
  const name = `${nameOf(run)}, frames ${run.start}–${run.end - 1}`;
  if (run.state === "waiting") return `${name}: waiting`;
  if (!run.speed) return `${name}: starting …`;
  const speed = run.speed >= 10 ? run.speed.toFixed(0) : run.speed.toFixed(1);
  return `${name}: ${Math.round(run.share * run.total)} / ${run.total} · ${speed} frames/s · ${time(run.left)}`;
}

function runRow(run, i) {
  const bar = h("span.meter", {}, h("i"));
  bar.firstChild.style.width = `${Math.round(100 * (run.share ?? 0))}%`;
  return h("div.item.queued.running", { "data-key": run.id, title: runText(run) }, swatch(css(state.objects.get(run.object)?.colour)),
    named(nameOf(run), ` ${run.start}–${run.end - 1}`),
    h("span", {}, i > 1 ? h("button.small.quiet", { "data-key": "first", title: "next in line", ariaLabel: `propagate ${nameOf(run)} next`, onclick: () => runFirst(run.id) }, "↑") : null,
      h("button.small.quiet", { "data-key": "end", title: "end it; finished frames are kept", ariaLabel: `end the propagation of ${nameOf(run)}`, onclick: () => cancel(run.id) }, "✕")), bar, h("span.sub", {}, time(run.left)));
}

function showFrame() {
  if (!state.film) return;
  $("clock").textContent = `${clock(state.times[state.frame])} · frame ${state.frame} of 0–${state.film.frames - 1}`;
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
  return `${object.name} · ${info.source}${chosenMask()}${info.accepted ? " · accepted" : ""}${info.stale ? " · stale: propagate again (F)" : ""}`;
}

// which of several masks was chosen last
function chosenMask() {
  const last = inputsOf(state.object, state.frame).at(-1);
  if (last?.kind !== "choice") return "";
  const score = maskOf(state.object, state.frame)?.score;
  return ` · mask ${last.values[0] + 1} of ${last.values[1]}${typeof score === "number" ? `, score ${score.toFixed(2)}` : ""}`;
}

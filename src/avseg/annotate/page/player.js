// Play a segment: the sound is the clock, and the frame is looked up by its presentation time.

import { $ } from "./html.js";
import { at } from "./api.js";
import { fetchAhead, fetchFrame } from "./frames.js";
import { fetchMasks } from "./masks.js";
import { goTo } from "./stage.js";
import { changed, frameAt, on, segmentAt, state } from "./store.js";
import { showStatus } from "./status.js";

const sound = $("sound");
const AHEAD = 8; // frames fetched ahead
let span = null; // {start, end} in seconds, {first, last} in frames
let silent = null; // clock of a video without sound: {since, from}

export function startPlayer() {
  on("film", () => {
    pause();
    sound.src = state.film.has_sound ? at(state.key, "sound.wav") : "";
    if (!state.film.has_sound) sound.removeAttribute("src");
  });
  sound.addEventListener("error", () => sound.hasAttribute("src") && showStatus("the sound cannot be played", "error"));
}

export function setRate(rate) {
  if (!state.film?.has_sound && silent) silent = { since: performance.now(), from: now() };
  state.rate = rate;
  sound.playbackRate = rate;
  sound.preservesPitch = true;
  changed("play");
}

export const nextRate = () => setRate({ 1: 0.5, 0.5: 0.25, 0.25: 1 }[state.rate]);
export const setVolume = (volume) => (sound.volume = volume);

const AROUND = 0.3; // seconds on both sides of an edge

// play around the nearer edge of the segment, in a loop
export function playEdge() {
  if (!state.film) return;
  if (state.playing) return pause();
  const segment = segmentAt(state.object, state.frame) ?? state.segments.get(state.segment);
  if (!segment) return showStatus("select a segment first (, and .)", "warn");
  const edge = Math.abs(state.frame - segment.start) <= Math.abs(state.frame - segment.end) ? segment.start : segment.end;
  const time = state.times[edge];
  const first = frameAt(Math.max(0, time - AROUND));
  const last = frameAt(Math.min(state.times[state.times.length - 1], time + AROUND));
  play(first, last, first);
}

export function toggle(everything = false) {
  if (!state.film) return;
  if (state.playing) return pause();
  const segment = everything ? null : segmentAt(state.object, state.frame) ?? state.segments.get(state.segment);
  const [first, last] = segment ? [segment.start, segment.end - 1] : [0, state.film.frames - 1];
  play(first, last, first <= state.frame && state.frame < last ? state.frame : first, Boolean(segment));
}

function play(first, last, from, lit = false) {
  span = { first, last, start: state.times[first], end: state.times[last + 1] };
  sound.playbackRate = state.rate;
  seek(state.times[from]);
  state.playing = true;
  state.lit = lit;
  if (state.film.has_sound) sound.play().catch((error) => error.name !== "AbortError" && stopped(error));
  changed("play");
  requestAnimationFrame(tick);
}

function stopped(error) {
  pause();
  showStatus(`the sound cannot be played: ${error.message}`, "error");
}

export function pause() {
  sound.pause();
  if (!state.playing) return;
  state.playing = false;
  changed("play", "frame");
}

function seek(time) {
  if (state.film.has_sound) sound.currentTime = time;
  else silent = { since: performance.now(), from: time };
}

const now = () => (state.film.has_sound ? sound.currentTime : silent.from + (state.rate * (performance.now() - silent.since)) / 1000);

function tick() {
  if (!state.playing) return;
  const time = now();
  if (time >= span.end - 0.002 || sound.ended) {
    seek(span.start);
    if (state.film.has_sound && sound.paused) sound.play().catch(stopped);
  } else if (!sound.seeking) {
    goTo(Math.max(span.first, Math.min(span.last, frameAt(time))));
    ahead();
  }
  requestAnimationFrame(tick);
}

function ahead() {
  fetchFrame(state.frame).catch(() => {});
  fetchAhead(state.frame, 1, AHEAD);
  for (const frame of [state.frame, Math.min(state.film.frames - 1, state.frame + 2 * AHEAD)]) fetchMasks(frame).catch(() => {});
}

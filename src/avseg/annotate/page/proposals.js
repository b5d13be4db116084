// Segments proposed from the sound: where it is loud, or the classes that a trained audio branch hears.

import { act, addProposals } from "./actions.js";
import { at, post } from "./api.js";
import { claimDialog, field, openDialog } from "./dialogs.js";
import { h } from "./html.js";
import { showError, showStatus } from "./status.js";
import { state } from "./store.js";

const number = (name, label, value, least, most, step, more = {}) => field(name, label, value, { type: "number", min: least, max: most, step, ...more });
const last = { method: null, rise: "14", gap: "0.25", threshold: "" }; // what was chosen the last time

export function propose() {
  if (!state.film) return undefined;
  const object = state.objects.get(state.object);
  if (!object && !state.audioBranch) return showStatus("first add an object: T or + New", "warn");
  const methods = [...(object ? [["energy", `loud sound: segments of ${object.name}`]] : []), ...(state.audioBranch ? [["audio_branch", "classes that the audio branch hears"]] : [])];
  const chosen = methods.some(([value]) => value === last.method) ? last.method : methods[0][0];
  const options = {
    energy: [number("rise", "Threshold", last.rise, 1, 60, "any", { title: "dB above the background at which a segment begins" }), number("gap", "Shortest pause", last.gap, 0, 30, "any", { title: "seconds; shorter pauses are bridged" }),
      h("p.none", {}, "Threshold in dB above the background; pause in seconds.", state.audioBranch ? "" : " A trained model can propose classes: start with --audio-branch RUN (a run of model=lu_avs_audio).")],
    audio_branch: [number("threshold", "Threshold", last.threshold, 0, 1, "any", { placeholder: "that of its evaluation" }),
      h("p.none", {}, `Least probability of a class, 0 to 1. Run: ${state.audioBranch}`)],
  };
  const groups = methods.map(([value]) => h("div", { hidden: value !== chosen, "data-method": value }, ...options[value]));
  const enable = (method) => groups.forEach((group) => {
    group.hidden = group.dataset.method !== method;
    for (const input of group.querySelectorAll("input")) input.disabled = group.hidden;
  });
  enable(chosen);
  return openDialog("Propose segments", [
    h("label.field", {}, h("span", {}, "From"), h("select", { name: "method", onchange: (event) => enable(event.target.value) }, ...methods.map(([value, name]) => h("option", { value, selected: value === chosen }, name)))),
    ...groups,
  ], { yes: "Propose", done: async (form) => {
    for (const [name, value] of form) last[name] = value;
    showStatus(last.method === "energy" ? "analysing the sound …" : "the audio branch listens …");
    const isAskedFor = claimDialog();
    try {
      const { proposals } = await post(at(state.key, "propose"), { method: last.method, options: optionsOf(last) });
      if (last.method === "energy") await addSegments(object.id, proposals);
      else if (isAskedFor()) chooseClasses(proposals);
    } catch (error) {
      showError(error);
    }
  } });
}

function optionsOf({ method, rise, gap, threshold }) {
  if (method === "audio_branch") return threshold === "" ? {} : { threshold: Number(threshold) };
  return { rise: Number(rise), fall: Math.min(8, Number(rise)), min_gap: Number(gap) };
}

const free = (object, proposals) => proposals.filter((proposal) => ![...state.segments.values()].some((s) => s.object === object && s.start < proposal.end && proposal.start < s.end));

async function addSegments(object, proposals) {
  const added = free(object, proposals);
  if (added.length) await act(...added.map(({ start, end }) => ({ op: "add_segment", object, start, end })));
  showStatus(added.length ? `${added.length} segments proposed` : "no further segments: a lower threshold proposes more");
}

const seconds = ({ start, end }) => state.times[end] - state.times[start];

// which of the classes become objects, the longest first
function chooseClasses(proposals) {
  const labels = new Map();
  for (const proposal of proposals) labels.set(proposal.label, [...(labels.get(proposal.label) ?? []), proposal]);
  if (!labels.size) return showStatus("the audio branch hears no class above the threshold", "warn");
  const length = (items) => items.reduce((sum, item) => sum + seconds(item), 0);
  const rows = [...labels].sort((a, b) => length(b[1]) - length(a[1])).map(([label, items]) => h("tr", {},
    h("td", {}, h("label", {}, h("input", { type: "checkbox", name: "label", value: label, checked: true }), ` ${label}`)),
    h("td", {}, String(items.length)), h("td", {}, `${length(items).toFixed(1)} s`),
    h("td", {}, (items.reduce((sum, item) => sum + item.score * seconds(item), 0) / length(items)).toFixed(2)),
    h("td", {}, objectOf(label) ? "an object already" : state.classes.length && !state.classes.some((item) => item.name === label) ? "not in the list of classes" : "")));
  return openDialog("Classes that sound", [h("div.scroll", {}, h("table", {}, h("thead", {}, h("tr", {}, ...["class", "segments", "length", "probability", "note"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, ...rows))),
    h("p.none", {}, "Each class becomes an object with these segments, or adds them to the object it already has.")],
  { yes: "Add", wide: true, done: async (form) => {
    const chosen = form.getAll("label").flatMap((label) => labels.get(label)).map(({ label, start, end }) => ({ label, start, end }));
    if (!chosen.length) return;
    const answer = await addProposals(chosen);
    if (answer) showStatus(answer.added.length ? `${answer.added.length} segments proposed` : "no further segments: these are marked already");
  } });
}

const objectOf = (label) => [...state.objects.values()].find((object) => object.label === label);

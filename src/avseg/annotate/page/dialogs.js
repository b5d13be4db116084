// Dialogs: new object, edit object, export and import, keyboard shortcuts.

import { act, addObject, joinObjects, moveSegment } from "./actions.js";
import { at, getJson, post } from "./api.js";
import { reload } from "./document.js";
import { $, h } from "./html.js";
import { forgetMasks } from "./masks.js";
import { showError, showStatus } from "./status.js";
import { goTo } from "./stage.js";
import { changed, frameAt, state } from "./store.js";

const dialog = $("dialog");
let turn = 0; // of the dialog that was asked for last
dialog.addEventListener("cancel", () => turn++); // Escape; the event "close" would come after what a dialog does when it is sent

// Called before the contents of a dialog are fetched: the function tells whether it still is the one that was asked for.
export function claimDialog() {
  const mine = ++turn;
  return () => mine === turn;
}

export function closeDialog() {
  turn++;
  dialog.close();
}

function open(title, content, done = null, yes = "OK") {
  turn++;
  const form = h("form", { method: "dialog", onsubmit: async (event) => {
    event.preventDefault();
    closeDialog();
    if (done) await done(new FormData(form));
  } }, h("h2", {}, title), ...content.filter(Boolean), h("div.buttons", {},
    h("button.small", { type: "button", onclick: closeDialog }, "Close"), done ? h("button.small.main", { type: "submit" }, yes) : null));
  dialog.replaceChildren(form);
  dialog.classList.remove("wide");
  for (const list of form.querySelectorAll("select")) list.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // the browser would open the list, whose value the arrow keys change
    form.requestSubmit();
  });
  if (!dialog.open) dialog.showModal();
  (form.querySelector("input, select") ?? form.querySelector(".main") ?? form.querySelector("button")).focus(); // Enter submits
}

export const openDialog = (title, content, { done = null, yes = "OK", wide = false } = {}) => {
  open(title, content, done, yes);
  dialog.classList.toggle("wide", wide);
};

export const field = (name, label, value = "", more = {}) => h("label.field", {}, h("span", {}, label), h("input", { name, value, maxLength: 200, autocomplete: "off", ...more }));

export const isOpen = () => dialog.open;

export function newObject() {
  if (!state.film) return;
  const labels = [...new Set([...state.classes.map((item) => item.name), ...[...state.objects.values()].map((object) => object.label)])];
  const choices = h("datalist", { id: "labels" }, ...labels.map((value) => h("option", { value })));
  const label = field("label", "Class", "", { required: true, placeholder: "guitar, man singing, dog …" });
  label.querySelector("input").setAttribute("list", "labels");
  open("What sounds?", [
    label, choices,
    field("name", "Name", "", { placeholder: "to distinguish several of one class" }),
    state.classes.length ? h("p.none", {}, `${state.classes.length} classes in the project's list (Y)`) : labels.length ? h("p.none", {}, `already used: ${labels.join(", ")}`) : null,
  ], async (form) => {
    const label = form.get("label").trim();
    const name = form.get("name").trim();
    showStatus(`${name || label} added: mark when it sounds (I, O, Enter)`);
    await addObject(label, name);
  }, "Add");
}

const objectChoice = (name, label, objects, ...more) => h("label.field", {}, h("span", {}, label),
  h("select", { name }, ...more, ...objects.map((object) => h("option", { value: object.id }, object.name))));

// move the selected segment to another object, also a new one: what was one object becomes two
export function askObject() {
  const segment = state.segments.get(state.segment);
  if (!segment) return showStatus("select a segment first (, and .)", "warn");
  const others = [...state.objects.values()].filter((object) => object.id !== segment.object);
  return open(`Move frames ${segment.start}–${segment.end - 1} of ${state.objects.get(segment.object).name}`, [
    objectChoice("object", "To", others, h("option", { value: "" }, "a new object of the same class")),
  ], async (form) => {
    let object = Number(form.get("object"));
    if (!object) {
      const answer = await act({ op: "add_object", label: state.objects.get(segment.object).label });
      if (!answer) return;
      [object] = answer.added;
    }
    if (!(await moveSegment(segment.id, object))) return;
    state.object = object;
    state.segment = segment.id;
    changed("document");
    showStatus(`moved to ${state.objects.get(object).name}`);
  }, "Move");
}

export function editObject(object) {
  const others = [...state.objects.values()].filter((item) => item.id !== object.id);
  open(`Object ${object.id}`, [field("label", "Class", object.label, { required: true }), field("name", "Name", object.name),
    others.length ? objectChoice("into", "Join with", others, h("option", { value: "" }, "–")) : null,
    h("button.small", { type: "button", onclick: async () => {
      dialog.close();
      await act({ op: "remove_object", object: object.id });
    } }, "Remove with all segments")], async (form) => {
    if (form.get("into")) {
      const into = Number(form.get("into"));
      if (await joinObjects(object.id, into)) showStatus(`${object.name} is now part of ${state.objects.get(into)?.name}`);
      return;
    }
    await act({ op: "edit_object", object: object.id, label: form.get("label").trim(), name: form.get("name").trim() });
  }, "Save");
}

// "120" is a frame, "0:12.5" or "12.5s" a time
export function frameOfText(text) {
  const value = text.trim();
  if (/^\d+$/.test(value)) return Number(value);
  const time = /^(?:(\d+):)?(\d+(?:\.\d+)?)\s*s?$/.exec(value);
  return time && (time[1] !== undefined || /[.s]/.test(value)) ? frameAt(60 * Number(time[1] ?? 0) + Number(time[2])) : null;
}

export function askFrame() {
  if (!state.film) return;
  open("Go to", [field("to", "Frame or time", "", { required: true, placeholder: `0–${state.film.frames - 1}, or 0:12.5` })], async (form) => {
    const frame = frameOfText(form.get("to"));
    if (frame === null) showStatus(`"${form.get("to")}" is neither a frame nor a time like 0:12.5`, "warn");
    else goTo(frame);
  }, "Go");
}

const FORMATS = {
  lu_avs: "LU-AVS (annotation files and masks.npy)", avsbench: "AVSBench (one mask per second)", coco: "COCO (run lengths)",
  png: "palette PNGs", csv: "segments as csv", eaf: "segments for ELAN",
};

export async function exchange() {
  if (!state.film) return;
  const isAskedFor = claimDialog();
  if (!state.formats.out.length) {
    try {
      state.formats = await getJson("/api/formats");
    } catch (error) {
      showError(error);
      return;
    }
  }
  if (!isAskedFor()) return;
  const choice = (name, formats) => h("label.field", {}, h("span", {}, "Format"), h("select", { name }, ...formats.map((format) => h("option", { value: format }, FORMATS[format] ?? format))));
  open(`Export ${state.name}`, [
    choice("format", state.formats.out),
    field("out", "Folder inside the project", "exports"),
    h("p.none", {}, "Import instead: "),
    h("div.buttons", {}, ...state.formats.in.map((format) => h("button.small", { type: "button", onclick: () => importFrom(format) }, `from ${format} …`))),
  ], async (form) => {
    const [format, out] = [form.get("format"), form.get("out").trim()];
    showStatus("exporting …");
    try {
      const answer = await post(at(state.key, "export"), { format, out });
      showStatus(`exported to ${answer.path}` + (answer.gaps ? `: ${answer.gaps}` : ""), answer.gaps ? "warn" : undefined);
    } catch (error) {
      showError(error);
    }
  }, "Export");
}

function importFrom(format) {
  dialog.close();
  open(`Import ${format}`, [field("source", "Folder inside the project", "", { required: true })], async (form) => {
    try {
      await post(at(state.key, "import"), { format, source: form.get("source").trim(), base_version: state.version });
      forgetMasks();
      await reload();
      changed("frame");
      showStatus("imported");
    } catch (error) {
      showError(error);
    }
  }, "Import");
}

// the table of shortcuts; a key of an action is a button that asks for another key
export function showKeys(table, { keyOf, change, reset, nameOf }) {
  const again = () => showKeys(table, { keyOf, change, reset, nameOf });
  const ask = (button, key) => {
    button.textContent = "press a key";
    button.addEventListener("keydown", async (event) => {
      if (["Shift", "Control", "Alt", "AltGraph", "Meta"].includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      if (event.key !== "Escape") await change(key, nameOf(event));
      dialog.close();
      again();
    });
  };
  const button = (key) => h("button.key", { type: "button", title: "choose another key", onclick: (event) => ask(event.currentTarget, key) }, shown(keyOf(key)));
  const row = ([keys, text, actions]) => [
    h("dt", {}, ...(actions && Object.keys(actions).length && Object.keys(actions).length <= 5 ? Object.keys(actions).map(button) : keys.split(" ").map((key) => h("kbd", {}, key)))), h("dd", {}, text)];
  open("Keyboard shortcuts", [h("div.keys", {}, ...table.map(([title, rows]) => h("section", {}, h("h3", {}, title), h("dl", {}, ...rows.flatMap(row))))),
    h("p.none", {}, "A click on a key, or Enter, chooses another one; it is kept in the project. ", h("button.small", { type: "button", onclick: async () => { await reset(); dialog.close(); again(); } }, "Reset all"))]);
  dialog.classList.add("wide");
  dialog.addEventListener("close", () => dialog.classList.remove("wide"), { once: true });
}

const SYMBOLS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "Space", Escape: "Esc", Delete: "Del", Backspace: "⌫" };
const shown = (name) => {
  const parts = name === "+" ? ["+"] : name.split(/\+(?=.)/);
  const key = parts.pop();
  return [...parts, SYMBOLS[key] ?? (key.length === 1 ? key.toUpperCase() : key)].join("+");
};

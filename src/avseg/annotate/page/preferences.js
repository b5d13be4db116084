// The dialog of the settings: switches, the theme, and who annotates.

import { field, openDialog } from "./dialogs.js";
import { h } from "./html.js";
import { identity, setAnnotator } from "./identity.js";
import { help } from "./keys.js";
import { saveSettings, settings } from "./settings.js";

const THEMES = { system: "as the system", light: "light", dark: "dark" };

const toggle = (name, title, text) => h("label.switch", {},
  h("input", { type: "checkbox", name, checked: settings[name], onchange: (event) => saveSettings({ [name]: event.target.checked }) }),
  h("span", {}, h("b", {}, title), h("span.sub", {}, text)));

export function showPreferences() {
  const themes = h("select", { name: "theme", onchange: (event) => saveSettings({ theme: event.target.value }) },
    ...Object.entries(THEMES).map(([value, name]) => h("option", { value, selected: settings.theme === value }, name)));
  openDialog("Settings", [
    toggle("refine", "Refine propagated frames", "Shift+R · the segmenter redraws each frame; its mask is kept only where it is better"),
    toggle("preview", "Show the mask under the pointer", "Shift+P · only where the backend takes less than 0.1 s"),
    h("label.field", {}, h("span", {}, "Theme"), themes),
    field("annotator", "Your name", identity.annotator, { onchange: (event) => setAnnotator(event.target.value) }),
    h("div.row", {}, h("button.small", { type: "button", onclick: help }, "Keyboard shortcuts…")),
  ]);
}

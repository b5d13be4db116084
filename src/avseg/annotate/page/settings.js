// Settings of the annotator: own shortcuts and the theme, kept by the server in the project.

import { getJson, post } from "./api.js";
import { forgetInks } from "./palette.js";
import { showError, showStatus } from "./status.js";
import { changed, state } from "./store.js";

export const settings = { shortcuts: {}, theme: "system", refine: true, preview: true };

export async function loadSettings() {
  Object.assign(settings, await getJson("/api/settings"));
  applyTheme();
}

export async function saveSettings(values) {
  Object.assign(settings, values);
  applyTheme();
  state.saving++;
  changed("saved");
  await post("/api/settings", settings).catch(showError);
  state.saving--;
  changed("saved");
}

const SWITCHES = {
  refine: ["propagated frames are refined where that is better", "propagated frames are not refined"],
  preview: ["the mask that a click would give is shown under the pointer", "no masks under the pointer"],
};

export function toggleSetting(name) {
  showStatus(SWITCHES[name][settings[name] ? 1 : 0]);
  return saveSettings({ [name]: !settings[name] });
}

const light = matchMedia("(prefers-color-scheme: light)");
light.addEventListener("change", applyTheme);

function applyTheme() {
  const theme = settings.theme === "system" ? (light.matches ? "light" : "dark") : settings.theme;
  document.documentElement.dataset.theme = theme;
  forgetInks();
  changed("settings");
}

export const nextTheme = () => saveSettings({ theme: { system: "light", light: "dark", dark: "system" }[settings.theme] });

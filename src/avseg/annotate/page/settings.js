// Settings of the annotator: own shortcuts and the theme, kept by the server in the project.

import { getJson, post } from "./api.js";
import { showError } from "./status.js";
import { changed } from "./store.js";

export const settings = { shortcuts: {}, theme: "system", refine: true };

export async function loadSettings() {
  Object.assign(settings, await getJson("/api/settings"));
  changed("settings");
}

export async function saveSettings(values) {
  Object.assign(settings, values);
  changed("settings");
  await post("/api/settings", settings).catch(showError);
}

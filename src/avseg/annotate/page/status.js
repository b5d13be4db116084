// Status line: the result of an action, or the reason for a refusal.

import { $ } from "./html.js";

let timer = 0;

export function showStatus(text, kind = "") {
  const line = $("status");
  line.textContent = text;
  line.className = kind;
  clearTimeout(timer);
  if (kind !== "error") timer = setTimeout(() => line.classList.add("old"), 6000);
}

export const showError = (error) => {
  if (error?.name !== "AbortError") showStatus(error.message ?? String(error), "error");
};

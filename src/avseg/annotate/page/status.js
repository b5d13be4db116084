// The one line at the bottom: what happened, or why something was refused.

import { $ } from "./html.js";

let timer = 0;

export function say(text, kind = "") {
  const line = $("status");
  line.textContent = text;
  line.className = kind;
  clearTimeout(timer);
  if (kind !== "error") timer = setTimeout(() => line.classList.add("old"), 6000);
}

export const complain = (error) => {
  if (error?.name !== "AbortError") say(error.message ?? String(error), "error");
};

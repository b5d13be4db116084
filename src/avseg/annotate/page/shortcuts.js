// Names of key presses. A key is looked up by the character it types, and then by its place on the keyboard: with Caps
// Lock, on a layout that is not Latin, or with Option on a Mac it types something else.

// what a key types on a US keyboard, without and with Shift
const PLACES = {
  BracketLeft: "[{", BracketRight: "]}", Minus: "-_", Equal: "=+", Comma: ",<", Period: ".>", Backslash: "\\|", Slash: "/?", Semicolon: ";:", Quote: "'\"",
};

function atPlace(event) {
  const letter = /^Key([A-Z])$/.exec(event.code);
  if (letter) return event.shiftKey ? letter[1] : letter[1].toLowerCase();
  const digit = /^Digit([0-9])$/.exec(event.code);
  if (digit && !event.shiftKey) return digit[1];
  return PLACES[event.code]?.[event.shiftKey ? 1 : 0] ?? null;
}

const isSymbol = (key) => key.length === 1 && key !== " " && !/[\p{L}\p{N}]/u.test(key);

// Shift counts for letters and for keys that type nothing
function named(key, event, modifiers = true) {
  const shifted = event.shiftKey && (key.length > 1 || key === " " || /^\p{L}$/u.test(key));
  const ctrl = modifiers && (event.ctrlKey || event.metaKey);
  return `${ctrl ? "Ctrl+" : ""}${modifiers && event.altKey ? "Alt+" : ""}${shifted ? "Shift+" : ""}${key}`;
}

// the names under which a key press may be bound, the best first
export function namesOf(event) {
  const names = [named(event.key, event)];
  const place = atPlace(event);
  const graph = event.getModifierState?.("AltGraph");
  if (place && !graph) names.push(named(place, event));
  // AltGr, or Option on a Mac, is how some keyboards type a bracket
  if ((graph || event.altKey) && isSymbol(event.key)) names.push(named(event.key, event, false));
  return names;
}

// true if the focused element needs this key itself
export function isForElement(event) {
  const target = event.target;
  // the focus leaves a dialog a moment after it was closed: the next key is not for its inputs
  if (!target?.closest || target.closest("dialog:not([open])")) return false;
  if (target.closest("input:not([type=range]), textarea, select")) return true;
  const bare = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
  if (target.closest("button, summary, [role=button]")) return bare && (event.key === "Enter" || event.key === " ");
  return target.matches("input[type=range]") && bare && /^(Arrow|Home|End|Page)/.test(event.key);
}

// Who annotates in this browser, for the journal and the cost table.

const KEY = "avseg-annotator";

const stored = () => {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // cookies are blocked
  }
};

export const identity = { annotator: stored() };

export function setAnnotator(name) {
  identity.annotator = name.trim().slice(0, 40);
  try {
    localStorage.setItem(KEY, identity.annotator);
  } catch {
    // for this tab only
  }
}

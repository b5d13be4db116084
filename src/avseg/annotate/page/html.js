// Create elements: h("button.small", {title, onclick}, "text", child).

export function h(what, properties = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const FOCUSABLE = "button, [tabindex], input, select";

// Show new rows in a list. An element that was there before stays in the page, so that a button that is pressed while
// the list changes is clicked, and the focus remains. Rows of things that come and go have a key: {"data-key": id}.
export function refill(container, ...rows) {
  const focused = document.activeElement;
  const at = [...container.querySelectorAll(FOCUSABLE)].indexOf(focused);
  updateChildren(container, rows.filter((row) => row !== null && row !== undefined));
  if (at < 0 || focused === document.activeElement) return;
  const all = [...container.querySelectorAll(FOCUSABLE)];
  (focused.isConnected ? focused : all[Math.min(at, all.length - 1)])?.focus();
}

function updateChildren(parent, fresh) {
  const present = namedChildren(parent.childNodes);
  const kept = [...namedChildren(fresh)].map(([name, node]) => updated(present.get(name), node));
  for (const node of [...parent.childNodes]) if (!kept.includes(node)) node.remove();
  kept.forEach((node, i) => parent.childNodes[i] !== node && parent.insertBefore(node, parent.childNodes[i] ?? null));
}

// nodes by their key, or by tag, first class and number
function namedChildren(nodes) {
  const byName = new Map();
  for (const node of nodes) {
    const kind = `${node.nodeName} ${node.dataset?.key ?? `.${node.classList?.[0] ?? ""}`}`;
    let count = 0;
    while (byName.has(`${kind} ${count}`)) count++;
    byName.set(`${kind} ${count}`, node);
  }
  return byName;
}

const HANDLERS = ["onclick", "onchange"];

// the old node with the content, the attributes and the handlers of the fresh one; the fresh one if there is no old one
function updated(old, fresh) {
  if (!old) return fresh;
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return old;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (name !== "style" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (old.style.cssText !== fresh.style.cssText) old.style.cssText = fresh.style.cssText; // the attribute itself is forbidden by the policy
  for (const name of HANDLERS) old[name] = fresh[name];
  updateChildren(old, [...fresh.childNodes]);
  return old;
}

// a name that is shortened where there is no room, and an end that is not
export const named = (name, end) => h("span.name.ended", {}, h("span", {}, name), h("span", {}, end));

export const $ = (id) => document.getElementById(id);

// a colour swatch; set through the style object, which the content security policy allows
export function swatch(colour) {
  const dot = h("span.swatch");
  dot.style.background = colour;
  return dot;
}

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

// replace the rows of a list, and leave the focus on the same one
export function refill(container, ...rows) {
  const at = [...container.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  const key = document.activeElement?.dataset?.row;
  container.replaceChildren(...rows.filter((row) => row !== null && row !== undefined));
  if (at < 0) return;
  const all = [...container.querySelectorAll(FOCUSABLE)];
  (all.find((element) => key && element.dataset.row === key) ?? all[Math.min(at, all.length - 1)])?.focus();
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

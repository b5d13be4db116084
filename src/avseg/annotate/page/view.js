// Position of the image on the canvas: fitted, zoomed about a point, panned.

import { changed, state } from "./store.js";

const MARGIN = 14;
export const view = { scale: 1, left: 0, top: 0, fitted: true, aspect: 1 }; // aspect: width of a pixel over its height

export function fit(width, height) {
  if (!state.film) return;
  view.aspect = state.film.pixel_aspect ?? 1;
  view.scale = Math.min((width - 2 * MARGIN) / (state.film.width * view.aspect), (height - 2 * MARGIN) / state.film.height);
  view.left = (width - state.film.width * view.scale * view.aspect) / 2;
  view.top = (height - state.film.height * view.scale) / 2;
  view.fitted = true;
}

export function zoom(factor, x, y) {
  const scale = Math.min(24, Math.max(0.05, view.scale * factor));
  view.left = x - ((x - view.left) * scale) / view.scale;
  view.top = y - ((y - view.top) * scale) / view.scale;
  view.scale = scale;
  view.fitted = false;
  changed("view");
}

export function pan(dx, dy) {
  view.left += dx;
  view.top += dy;
  view.fitted = false;
  changed("view");
}

export const toPicture = (x, y) => [(x - view.left) / (view.scale * view.aspect), (y - view.top) / view.scale];
export const toCanvas = (x, y) => [x * view.scale * view.aspect + view.left, y * view.scale + view.top];
export const inPicture = (x, y) => x >= 0 && y >= 0 && x < state.film.width && y < state.film.height;

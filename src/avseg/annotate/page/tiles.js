// Waveform and spectrogram as tiles of 512 columns at power-of-two zoom levels, fetched once and scaled in between.

import { at, getBytes } from "./api.js";
import { heat, ink } from "./palette.js";
import { changed, on, state } from "./store.js";

const COLUMNS = 512;
const MOST = 160;
export const ROWS = { peaks: 64, spectrogram: 64 };
let tiles = new Map();
let gain = 1; // normalises quiet recordings

export function startTiles() {
  on("settings", () => tiles.clear()); // drawn in the colours of the theme
  on("film", async () => {
    tiles = new Map();
    gain = 1;
    if (!state.film.has_sound) return;
    const mine = tiles;
    const bytes = await getBytes(at(state.key, `peaks?start=0&end=${state.film.duration}&columns=1024`)).catch(() => null);
    if (!bytes || mine !== tiles) return;
    const loudest = new Float32Array(bytes).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
    gain = 0.98 / loudest;
    for (const [name] of tiles) if (name.startsWith("peaks")) tiles.delete(name);
    changed("timeline");
  });
}

// the loaded tiles of a visible range: [{canvas, from, to}]; missing ones are fetched
export function covering(kind, from, to, pixels) {
  const level = Math.ceil(Math.log2((to - from) / pixels));
  const length = COLUMNS * 2 ** level;
  const out = [];
  for (let index = Math.floor(from / length); index * length < to; index++) {
    const tile = wanted(kind, level, index, length);
    if (tile.canvas) out.push({ canvas: tile.canvas, from: index * length, to: (index + 1) * length });
  }
  return out;
}

function wanted(kind, level, index, length) {
  const name = `${kind} ${level} ${index}`;
  let tile = tiles.get(name);
  if (tile) return tile;
  tile = { canvas: null };
  tiles.set(name, tile);
  if (tiles.size > MOST) tiles.delete(tiles.keys().next().value);
  const query = `start=${index * length}&end=${(index + 1) * length}&columns=${COLUMNS}`;
  getBytes(at(state.key, kind === "peaks" ? `peaks?${query}` : `spectrogram?${query}&rows=${ROWS.spectrogram}`)).then((bytes) => {
    tile.canvas = kind === "peaks" ? wave(new Float32Array(bytes)) : heatmap(new Uint8Array(bytes));
    changed("timeline");
  }).catch(() => tiles.delete(name));
  return tile;
}

function wave(peaks) {
  const canvas = sheet(ROWS.peaks);
  const context = canvas.getContext("2d");
  const middle = ROWS.peaks / 2;
  context.fillStyle = ink("wave");
  for (let column = 0; column < COLUMNS; column++) {
    const top = middle * (1 - Math.max(0, tall(peaks[2 * column + 1])));
    const bottom = middle * (1 - Math.min(0, tall(peaks[2 * column])));
    context.fillRect(column, Math.min(top, middle - 0.5), 1, Math.max(1, bottom - top));
  }
  return canvas;
}

// make quiet sounds visible
const tall = (value) => Math.sign(value) * Math.min(1, Math.abs(value * gain) ** 0.7);

// bytes: rows from the highest frequency down, each of all columns
function heatmap(bytes) {
  const rows = Math.floor(bytes.length / COLUMNS);
  const canvas = sheet(rows);
  const context = canvas.getContext("2d");
  const image = context.createImageData(COLUMNS, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      const place = 4 * (row * COLUMNS + column);
      image.data.set(heat[bytes[row * COLUMNS + column]], place);
      image.data[place + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function sheet(rows) {
  const canvas = document.createElement("canvas");
  canvas.width = COLUMNS;
  canvas.height = rows;
  return canvas;
}

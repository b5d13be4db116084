// Colours of objects (Okabe and Ito, from the server) and of quality, distinguishable with any colour vision.

export function rgb(colour) {
  if (Array.isArray(colour)) return colour;
  const value = parseInt(String(colour ?? "#56b4e9").replace("#", ""), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

export const css = (colour, alpha = 1) => `rgba(${rgb(colour).join(",")},${alpha})`;

// vermilion = bad, yellow = medium, sky blue = good
const STOPS = [[213, 94, 0], [240, 200, 66], [86, 180, 233]];

export function quality(score, alpha = 1) {
  if (score === null || score === undefined || Number.isNaN(score)) return `rgba(120,132,146,${alpha})`;
  const place = Math.min(1, Math.max(0, (score - 0.3) / 0.6)) * 2;
  const at = Math.min(1, Math.floor(place));
  const mixed = STOPS[at].map((value, i) => Math.round(value + (STOPS[at + 1][i] - value) * (place - at)));
  return `rgba(${mixed.join(",")},${alpha})`;
}

// spectrogram: dark = silent, light = loud
const HEAT = [[13, 18, 26], [30, 46, 74], [52, 92, 122], [120, 150, 130], [238, 205, 120]];
export const heat = Array.from({ length: 256 }, (_, i) => {
  const place = (i / 255) * (HEAT.length - 1);
  const at = Math.min(HEAT.length - 2, Math.floor(place));
  return HEAT[at].map((value, c) => Math.round(value + (HEAT[at + 1][c] - value) * (place - at)));
});

// colours of the theme that the style sheet defines, by the name of the variable
let inks = new Map();
export const forgetInks = () => (inks = new Map());
export function ink(name) {
  if (!inks.has(name)) inks.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return inks.get(name);
}

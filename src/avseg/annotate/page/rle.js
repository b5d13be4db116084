// COCO run lengths: lengths of alternating runs of 0 and 1, column by column, as a string of 6-bit characters in
// which every length from the third on is the difference to the last but one.

export function lengths(counts) {
  const out = [];
  let place = 0;
  while (place < counts.length) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more) {
      const bits = counts.charCodeAt(place++) - 48;
      value |= (bits & 0x1f) << shift;
      more = (bits & 0x20) !== 0;
      shift += 5;
      if (!more && bits & 0x10) value |= -1 << shift;
    }
    if (out.length > 2) value += out[out.length - 2];
    out.push(value);
  }
  return out;
}

function text(runs) {
  let out = "";
  for (let index = 0; index < runs.length; index++) {
    let value = index > 2 ? runs[index] - runs[index - 2] : runs[index];
    for (let more = true; more; ) {
      let bits = value & 0x1f;
      value >>= 5;
      more = bits & 0x10 ? value !== -1 : value !== 0;
      if (more) bits |= 0x20;
      out += String.fromCharCode(bits + 48);
    }
  }
  return out;
}

// -> Uint8Array (height * width), row by row
export function decode({ size: [height, width], counts }) {
  const mask = new Uint8Array(height * width);
  let at = 0;
  let on = false;
  for (const length of lengths(counts)) {
    if (on) for (let i = at; i < at + length; i++) mask[(i % height) * width + ((i / height) | 0)] = 1;
    at += length;
    on = !on;
  }
  return mask;
}

export function encode(mask, height, width) {
  const runs = [];
  let last = 0;
  let run = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0, at = x; y < height; y++, at += width) {
      if (mask[at] !== last) {
        runs.push(run);
        run = 0;
        last = mask[at];
      }
      run++;
    }
  }
  runs.push(run);
  return { size: [height, width], counts: text(runs) };
}

// A mask as a canvas of its bounding box: tinted inside, full colour at the rim. Null if the mask is empty.
export function paint(rle, [red, green, blue], opacity) {
  const [height, width] = rle.size;
  const spans = []; // [column, top, bottom)
  let at = 0;
  let on = false;
  let [left, right, top, bottom] = [width, 0, height, 0];
  for (const length of lengths(rle.counts)) {
    if (on) {
      for (let from = at; from < at + length; ) {
        const column = (from / height) | 0;
        const to = Math.min(at + length, (column + 1) * height);
        spans.push(column, from - column * height, to - column * height);
        top = Math.min(top, from - column * height);
        bottom = Math.max(bottom, to - column * height);
        left = Math.min(left, column);
        right = Math.max(right, column + 1);
        from = to;
      }
    }
    at += length;
    on = !on;
  }
  if (!spans.length) return null;
  const [columns, rows] = [right - left, bottom - top];
  const pixels = new Uint32Array(columns * rows);
  const colour = (blue << 16) | (green << 8) | red;
  const inside = ((Math.round(opacity * 255) << 24) | colour) >>> 0;
  const rim = ((235 << 24) | colour) >>> 0;
  for (let i = 0; i < spans.length; i += 3) {
    for (let y = spans[i + 1] - top, place = y * columns + spans[i] - left; y < spans[i + 2] - top; y++, place += columns) pixels[place] = inside;
  }
  rims(pixels, columns, rows, rim, height > 400 ? 2 : 1);
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), columns, rows), 0, 0);
  return { canvas, left, top, area: spans.reduce((sum, value, i) => sum + (i % 3 === 2 ? value - spans[i - 1] : 0), 0) };
}

function rims(pixels, columns, rows, rim, width) {
  const edge = [];
  for (let y = 0, at = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, at++) {
      if (!pixels[at]) continue;
      const free =
        x < width || x >= columns - width || y < width || y >= rows - width ||
        !pixels[at - width] || !pixels[at + width] || !pixels[at - width * columns] || !pixels[at + width * columns];
      if (free) edge.push(at);
    }
  }
  for (const at of edge) pixels[at] = rim;
}

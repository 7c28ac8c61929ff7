// Packs a picture of a page smaller than the browser does: with a palette of at most 256 colours.

import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function chunks(png) {
  const all = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    all.push([png.toString("latin1", at + 4, at + 8), png.subarray(at + 8, at + 8 + length)]);
    at += length + 12;
  }
  return all;
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const head = Buffer.alloc(4);
  const tail = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  tail.writeUInt32BE(crc32(body));
  return Buffer.concat([head, body, tail]);
}

/** What the fourth filter of PNG expects of a byte. */
function predicted(left, up, corner) {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

/** The bytes of the pixels, row after row, as three bytes for each pixel. */
function pixels(data, width, height, size) {
  const row = width * size;
  const raw = inflateSync(data);
  const out = Buffer.alloc(row * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (row + 1)];
    for (let x = 0; x < row; x += 1) {
      const left = x >= size ? out[y * row + x - size] : 0;
      const up = y > 0 ? out[(y - 1) * row + x] : 0;
      const corner = x >= size && y > 0 ? out[(y - 1) * row + x - size] : 0;
      const guess = [0, left, up, (left + up) >> 1, predicted(left, up, corner)][filter];
      out[y * row + x] = raw[y * (row + 1) + 1 + x] + guess;
    }
  }
  return out;
}

/** How far apart two colours are. */
const apart = (one, other) =>
  [16, 8, 0].reduce((sum, shift) => sum + (((one >> shift) & 255) - ((other >> shift) & 255)) ** 2, 0);

/** The same picture in fewer bytes. It keeps its 256 most frequent colours; each other one becomes the nearest of them. */
export function packed(png) {
  const all = chunks(png);
  const head = all.find(([name]) => name === "IHDR")[1];
  const [width, height, size] = [head.readUInt32BE(0), head.readUInt32BE(4), head[9] === 6 ? 4 : 3];
  const from = pixels(Buffer.concat(all.filter(([name]) => name === "IDAT").map(([, data]) => data)), width, height, size);
  const colour = (pixel) => (from[pixel * size] << 16) | (from[pixel * size + 1] << 8) | from[pixel * size + 2];
  const often = new Map();
  for (let pixel = 0; pixel < width * height; pixel += 1) often.set(colour(pixel), (often.get(colour(pixel)) || 0) + 1);
  const palette = [...often]
    .sort((one, other) => other[1] - one[1])
    .slice(0, 256)
    .map(([one]) => one);
  const nearest = (one) =>
    palette.reduce((best, other, index) => (apart(one, other) < apart(one, palette[best]) ? index : best), 0);
  const places = new Map([...often.keys()].map((one) => [one, nearest(one)]));
  const rows = Buffer.alloc(height * (width + 1));
  for (let pixel = 0; pixel < width * height; pixel += 1)
    rows[Math.floor(pixel / width) * (width + 1) + 1 + (pixel % width)] = places.get(colour(pixel));
  const colours = Buffer.from(palette.flatMap((one) => [one >> 16, (one >> 8) & 255, one & 255]));
  const header = Buffer.from(head);
  header[9] = 3;
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("PLTE", colours),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

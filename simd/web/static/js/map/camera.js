// What of the map is seen: the map is a square with edges of 1, and is looked at from straight above.

/** A tile has so many pixels and cells on each side. */
export const TILE = 256;
export const CELLS = 8;
const CELL = TILE / CELLS;
/** Cells are enlarged up to so many pixels. */
const LARGEST = 512;
const MARGIN = 0.96;
/** How far beyond its edge the map can be moved, as a part of the view. */
const BEYOND = 0.4;

export class Camera {
  /** The place in the middle, and how much it is enlarged: 0 shows the map as large as one tile, 1 twice as large. */
  x = 0.5;
  y = 0.5;
  z = 0;
  #levels = null;
  #width = 1;
  #height = 1;

  constructor() {
    this.fit();
  }

  /** CSS pixels that the map's edge has. */
  get scale() {
    return TILE * 2 ** this.z;
  }

  /** CSS pixels that the edge of a cell of a level has. */
  cell(level) {
    return this.scale / (CELLS * 2 ** level);
  }

  /** How many cells of a level fit into the view. */
  room(level) {
    return (this.#width * this.#height) / this.cell(level) ** 2;
  }

  get isWhole() {
    return this.z <= this.#fitting + 1e-6;
  }

  resize(width, height) {
    const wasWhole = this.isWhole;
    [this.#width, this.#height] = [Math.max(1, width), Math.max(1, height)];
    if (wasWhole) this.z = this.#fitting;
    this.#clamp();
  }

  /** The map has so many levels. */
  limit(levels) {
    this.#levels = levels;
    this.#clamp();
  }

  /** The level whose tiles are shown: their pictures have about their own size, or rather less where `isFine`. */
  level(isFine) {
    return Math.min(Math.max(Math.round(this.z + (isFine ? 0.4 : 0)), 0), this.#levels ?? 0);
  }

  look({x, y, z}) {
    Object.assign(this, {x, y, z});
    this.#clamp();
  }

  fit() {
    this.look({x: 0.5, y: 0.5, z: this.#fitting});
  }

  pan(dx, dy) {
    this.look({x: this.x - dx / this.scale, y: this.y - dy / this.scale, z: this.z});
  }

  /** Enlarge, while the place under a pixel stays under it; null is the middle. */
  zoom(factor, at) {
    const pixel = at ?? [this.#width / 2, this.#height / 2];
    const held = this.toMap(pixel);
    this.z += Math.log2(factor);
    this.#clamp();
    const now = this.toMap(pixel);
    this.look({x: this.x + held[0] - now[0], y: this.y + held[1] - now[1], z: this.z});
  }

  toMap([left, top]) {
    return [this.x + (left - this.#width / 2) / this.scale, this.y + (top - this.#height / 2) / this.scale];
  }

  toPixel([x, y]) {
    return [(x - this.x) * this.scale + this.#width / 2, (y - this.y) * this.scale + this.#height / 2];
  }

  /** Whether a place is within what is seen. */
  sees(place) {
    const [left, top] = this.toPixel(place);
    return left >= 0 && left < this.#width && top >= 0 && top < this.#height;
  }

  /** Move as little as is needed for a place to be seen, `room` pixels from the edges. */
  reveal(place, room) {
    const [left, top] = this.toPixel(place);
    const shift = (at, size) => {
      const kept = Math.min(room, size / 2);
      return Math.max(0, kept - at) - Math.max(0, at - (size - kept));
    };
    this.pan(shift(left, this.#width), shift(top, this.#height));
  }

  /**
   * Tiles of a level that are seen, those in the middle first.
   * @param {number} level
   * @param {number} ring how many more on each side.
   */
  tiles(level, ring = 0) {
    const side = 2 ** level;
    const [from, to] = [this.toMap([0, 0]), this.toMap([this.#width, this.#height])];
    const first = (at) => Math.max(0, Math.floor(at * side) - ring);
    const last = (at) => Math.min(side - 1, Math.ceil(at * side) - 1 + ring);
    const found = [];
    for (let row = first(from[1]); row <= last(to[1]); row++) {
      for (let column = first(from[0]); column <= last(to[0]); column++) found.push({level, column, row});
    }
    const apart = ({column, row}) => Math.hypot((column + 0.5) / side - this.x, (row + 0.5) / side - this.y);
    return found.sort((one, other) => apart(one) - apart(other));
  }

  /** The corners of what is seen, as a polygon. */
  get corners() {
    const within = (place) => place.map((at) => Math.min(Math.max(at, 0), 1));
    const [[left, top], [right, bottom]] = [[0, 0], [this.#width, this.#height]].map((at) => within(this.toMap(at)));
    return [[left, top], [right, top], [right, bottom], [left, bottom]];
  }

  get #fitting() {
    return Math.log2((MARGIN * Math.min(this.#width, this.#height)) / TILE);
  }

  #clamp() {
    const least = this.#fitting;
    const most = this.#levels === null ? Infinity : Math.max(least, this.#levels + Math.log2(LARGEST / CELL));
    this.z = Math.min(Math.max(this.z, least), most);
    const beyond = BEYOND * Math.min(1, this.z - least);
    const within = (at, size) => {
      const half = (size / 2 / this.scale) * (1 - beyond);
      return Math.min(Math.max(at, Math.min(0.5, half)), Math.max(0.5, 1 - half));
    };
    [this.x, this.y] = [within(this.x, this.#width), within(this.y, this.#height)];
  }
}

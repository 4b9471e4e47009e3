// -- examples -----------------------------------------------------------------------

const SHOWN = 176; // pixels of the longer side of an example on the page
const FEW = 14; // features that are told one by one

/** Examples in one picture. */
class ImageSheet {
  constructor(sheet) {
    this.sheet = sheet;
    this.image = new Image();
    this.image.src = sheet.image;
    this.ready = this.image.decode();
    this.scratch = document.createElement("canvas");
  }

  /** Mix examples, given with their weights, in a holder. */
  show(holder, mix) {
    const [width, height] = this.sheet.size;
    let canvas = holder.querySelector("canvas");
    if (!canvas) {
      holder.replaceChildren();
      canvas = put(holder, "canvas");
      [canvas.width, canvas.height] = [width, height];
      const factor = SHOWN / Math.max(width, height);
      canvas.style.width = `${Math.round(width * factor)}px`;
      canvas.style.aspectRatio = `${width} / ${height}`;
      canvas.className = this.sheet.smooth ? "smooth" : "";
    }
    this.blend(canvas.getContext("2d"), mix);
  }

  /** Each tile over the ones before, so that all end with their own weight. */
  blend(context, mix) {
    const { columns, pitch, size } = this.sheet;
    let total = 0;
    for (const [index, weight] of mix) {
      if (weight <= 0) continue;
      total += weight;
      context.globalAlpha = weight / total;
      const x = (index % columns) * pitch[0];
      const y = Math.floor(index / columns) * pitch[1];
      context.drawImage(this.image, x, y, ...size, 0, 0, ...size);
    }
    context.globalAlpha = 1;
  }
}

/** Examples that are vectors: bars of few features, a line through many. */
class VectorSheet {
  constructor(sheet) {
    this.sheet = sheet;
    this.ready = Promise.resolve();
  }

  show(holder, mix) {
    const { values, names } = this.sheet;
    const mixed = names.map((_, d) =>
      mix.reduce((sum, [i, weight]) => sum + weight * values[i][d], 0),
    );
    holder.replaceChildren();
    if (names.length <= FEW) this.asBars(holder, mixed);
    else this.asLine(holder, mixed);
  }

  asBars(holder, mixed) {
    const { names, low, high } = this.sheet;
    const table = put(holder, "div", "features");
    mixed.forEach((value, d) => {
      put(table, "span", "name", names[d]).title = names[d];
      const bar = put(put(table, "span", "track"), "i");
      const share = (value - low[d]) / (high[d] - low[d] || 1);
      bar.style.width = `${(100 * Math.min(1, Math.max(0, share))).toFixed(1)}%`;
      put(table, "span", "number", short(value));
    });
  }

  asLine(holder, mixed) {
    const { low, high } = this.sheet;
    const [width, height] = [240, 130];
    const svg = drawn(holder, "svg", { viewBox: `0 0 ${width} ${height}` });
    const span = ends([...low, ...high], false);
    const x = scaleOf([0, mixed.length - 1], 46, width - 4, false);
    const y = scaleOf(span, height - 6, 6, false);
    for (const value of ticks(...span, 5)) {
      const at = y.at(value);
      drawn(svg, "line", { class: "grid", x1: 46, x2: width - 4, y1: at, y2: at });
      drawn(svg, "text", { x: 41, y: at + 4, "text-anchor": "end" }, short(value));
    }
    const points = mixed.map((v, d) => `${x.at(d).toFixed(1)},${y.at(v).toFixed(1)}`);
    drawn(svg, "polyline", { class: "line", points: points.join(" ") });
  }
}

function sheetOf(sheet) {
  return "image" in sheet ? new ImageSheet(sheet) : new VectorSheet(sheet);
}


// -- curves -------------------------------------------------------------------------

const PANEL_HEIGHT = 190;
const WIDE = { from: 440, height: 270 }; // panels that share a row with few others
const FEW_LINES = 3; // that are told beside each other, more below each other
const MARGIN = { left: 52, right: 12, top: 10, bottom: 26 };
const MOST_MARKED = 30; // points of a line; more would merge

/** All panels of one part of the page; the pointer is at one epoch in all of them. */
function showCurves(holder) {
  const data = valuesOf(holder);
  const place = holder.querySelector(".panels");
  let scale = "auto";
  const panels = data.panels.map((panel) => new Panel(place, panel, data, pointAt));
  const known = panels.flatMap((panel) => panel.epochs);
  const last = Math.max(...known);
  const rest = data.best === null ? last : data.best;

  function pointAt(epoch) {
    const resting = epoch === null;
    for (const panel of panels) panel.point(resting ? rest : epoch, resting);
  }

  function drawAll() {
    for (const panel of panels) panel.draw(scale);
    pointAt(null);
  }

  for (const button of holder.querySelectorAll("button[data-scale]")) {
    button.addEventListener("click", () => {
      scale = button.dataset.scale;
      for (const other of holder.querySelectorAll("button[data-scale]")) {
        other.setAttribute("aria-pressed", String(other === button));
      }
      drawAll();
    });
  }
  drawnToFit(place, drawAll);
}

/** Half the height of the band around a line. */
function spreadAt(line, i) {
  return line.spread ? line.spread[i] : 0;
}

class Panel {
  constructor(place, panel, data, pointAt) {
    Object.assign(this, { panel, data, pointAt });
    const figure = put(place, "figure", "panel");
    this.title = put(figure, "figcaption", "", panel.title);
    this.frame = put(figure, "div", "frame");
    const many = panel.lines.length > FEW_LINES;
    this.readout = put(figure, "p", many ? "readout many" : "readout");
    const all = panel.lines.flatMap((line) => line.x);
    this.epochs = [...new Set(all)].sort((a, b) => a - b);
    this.values = panel.lines.flatMap((line) => line.y);
    this.highs = panel.lines.flatMap((line) => line.y.map((y, i) => y + spreadAt(line, i)));
    this.lows = panel.lines.flatMap((line) => line.y.map((y, i) => y - spreadAt(line, i)));
    this.pointed = this.epochs[this.epochs.length - 1];
    this.listen();
  }

  listen() {
    const follow = (event) => {
      const x = event.clientX - this.frame.getBoundingClientRect().left;
      this.pointAt(this.nearest(this.x.value(x)));
    };
    this.frame.addEventListener("pointermove", follow);
    this.frame.addEventListener("pointerdown", follow);
    this.frame.addEventListener("pointerleave", () => this.pointAt(null));
    this.frame.tabIndex = 0;
    this.frame.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const now = this.epochs.indexOf(this.nearest(this.pointed)) + step;
      if (now in this.epochs) this.pointAt(this.epochs[now]);
    });
  }

  nearest(epoch) {
    const distance = (x) => Math.abs(x - epoch);
    return this.epochs.reduce((a, b) => (distance(b) < distance(a) ? b : a));
  }

  draw(scale) {
    const width = Math.max(160, this.frame.clientWidth);
    const tall = width >= WIDE.from ? WIDE.height : PANEL_HEIGHT;
    const [left, right] = [MARGIN.left, width - MARGIN.right];
    const [top, bottom] = [MARGIN.top, tall - MARGIN.bottom];
    const asked = scale === "auto" ? this.panel.log : scale === "log";
    const log = asked && this.values.every((value) => value > 0);
    // On a logarithmic scale a band that reaches down to zero ends at the edge.
    const height = ends([...this.highs, ...(log ? this.values : this.lows)], log);
    const [first, last] = [this.epochs[0], this.epochs[this.epochs.length - 1]];
    const margin = last > first ? Math.max(0.03 * (last - first), 0.3) : 0.8;
    const span = [first - margin, last + margin];
    this.x = scaleOf(span, left, right, false);
    this.y = scaleOf(height, bottom, top, log);

    this.frame.replaceChildren();
    const svg = drawn(this.frame, "svg", {
      viewBox: `0 0 ${width} ${tall}`,
      role: "img",
      "aria-label": `${this.panel.title} over epochs`,
      "data-log": log,
    });
    for (const value of log ? logTicks(...height) : ticks(...height, 6)) {
      const y = this.y.at(value);
      drawn(svg, "line", { class: "grid", x1: left, x2: right, y1: y, y2: y });
      drawn(svg, "text", { x: left - 7, y: y + 4, "text-anchor": "end" }, short(value));
    }
    for (const epoch of ticks(...span, Math.min(6, width / 60), true)) {
      const x = this.x.at(epoch);
      drawn(svg, "line", { class: "grid", x1: x, x2: x, y1: top, y2: bottom });
      const place = { x, y: tall - 8, "text-anchor": "middle" };
      drawn(svg, "text", place, epoch);
    }
    this.drawPhases(svg, top, bottom);
    if (this.data.best !== null) {
      const x = this.x.at(this.data.best);
      drawn(svg, "line", { class: "best", x1: x, x2: x, y1: top, y2: bottom });
    }
    for (const line of this.panel.lines) this.drawBand(svg, line, height[0]);
    // The first line is drawn last, on top of the others.
    for (const line of [...this.panel.lines].reverse()) this.drawLine(svg, line);
    this.cursor = drawn(svg, "g", { class: "cursor" });
    this.limits = [top, bottom];
  }

  drawPhases(svg, top, bottom) {
    const phases = this.data.phases;
    phases.forEach(([name, first, last], i) => {
      const place = { x: this.x.at((first + last) / 2), y: top + 9 };
      const words = name.replaceAll("_", " ");
      const shown = phases.length > 4 ? words.split(" ").pop().slice(0, 4) : words;
      const look = { class: "phase", "text-anchor": "middle" };
      drawn(svg, "text", { ...place, ...look }, shown);
      if (i === 0) return;
      const x = this.x.at((phases[i - 1][2] + first) / 2);
      drawn(svg, "line", { class: "border", x1: x, x2: x, y1: top, y2: bottom });
    });
  }

  drawBand(svg, line, lowest) {
    if (!line.spread) return;
    const edge = (i, side) => {
      const value = Math.max(lowest, line.y[i] + side * line.spread[i]);
      return `${this.x.at(line.x[i]).toFixed(1)} ${this.y.at(value).toFixed(1)}`;
    };
    const above = line.x.map((_, i) => edge(i, 1));
    const below = line.x.map((_, i) => edge(i, -1)).reverse();
    const d = `M${[...above, ...below].join("L")}Z`;
    const kind = this.panel.lines.length > FEW_LINES ? "band many" : "band";
    drawn(svg, "path", { class: kind, d, style: `fill:${line.colour}` });
  }

  drawLine(svg, line) {
    const phaseOf = (x) => this.data.phases.findIndex(([, , last]) => x <= last);
    let path = "";
    line.x.forEach((x, i) => {
      const begins = i === 0 || phaseOf(x) !== phaseOf(line.x[i - 1]);
      const [a, b] = [this.x.at(x).toFixed(1), this.y.at(line.y[i]).toFixed(1)];
      path += `${begins ? "M" : "L"}${a} ${b}`;
      if (line.x.length > MOST_MARKED) return;
      const look = { cx: a, cy: b, r: 2.4, style: `fill:${line.colour}` };
      drawn(svg, "circle", look);
    });
    drawn(svg, "path", { class: "line", d: path, style: `stroke:${line.colour}` });
  }

  /** Tell the values at an epoch; without a line where nobody points at it. */
  point(epoch, resting) {
    if (!this.cursor) return;
    this.pointed = epoch;
    this.cursor.replaceChildren();
    this.readout.replaceChildren();
    const [top, bottom] = this.limits;
    const x = this.x.at(epoch);
    if (!resting) drawn(this.cursor, "line", { x1: x, x2: x, y1: top, y2: bottom });
    const best = epoch === this.data.best ? " (best)" : "";
    put(this.readout, "span", "when", `epoch ${epoch}${best}`);
    for (const line of this.panel.lines) {
      // At rest the last epoch is told, which some lines do not reach.
      const ended = resting && this.data.best === null;
      const i = ended ? line.x.length - 1 : line.x.indexOf(epoch);
      if (i < 0) continue;
      const look = { cx: this.x.at(line.x[i]), cy: this.y.at(line.y[i]), r: 3.6 };
      drawn(this.cursor, "circle", { ...look, style: `fill:${line.colour}` });
      const entry = put(this.readout, "span", "value");
      put(entry, "i").style.background = line.colour;
      const about = line.spread ? ` \u00b1 ${short(line.spread[i], 2)}` : "";
      const when = line.x[i] === epoch ? "" : ` (epoch ${line.x[i]})`;
      entry.append(`${line.name} `.trimStart());
      put(entry, "b", "", `${short(line.y[i])}${about}${when}`);
    }
  }
}


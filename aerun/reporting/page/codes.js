// -- the map of codes ---------------------------------------------------------------

const NEAR = 28; // pixels within which a point answers to the pointer

/** Points to hover over, and a handle to drag across the plane. */
class CodeMap {
  constructor(holder) {
    this.data = valuesOf(holder);
    this.plot = holder.querySelector(".plot");
    this.example = holder.querySelector(".example");
    this.decoded = holder.querySelector(".decoded");
    this.examples = sheetOf(this.data.examples);
    this.sheet = this.decoded && sheetOf(this.data.decoded);
    const { points, frame } = this.data;
    this.points = [];
    for (let i = 0; i < points.length; i += 2) {
      this.points.push([points[i], points[i + 1]]);
    }
    this.handle = frame.map(([low, high]) => (low + high) / 2);
    this.chosen = this.data.first;
    this.nameClasses(holder.querySelector(".legend"));
    this.listen();
    const waits = [this.examples.ready];
    if (this.sheet) waits.push(this.sheet.ready);
    Promise.all(waits).then(() => {
      drawnToFit(this.plot, (width) => this.draw(width));
      holder.classList.add("ready");
    });
  }

  nameClasses(legend) {
    const { groups } = this.data;
    if (groups.length === 1 && !groups[0].name) return;
    groups.forEach((group, g) => {
      const entry = put(legend, "button", "entry");
      entry.type = "button";
      const svg = drawn(entry, "svg", { viewBox: "-6 -6 12 12" });
      this.mark(svg, 0, 0, g, 4.5);
      entry.append(group.name);
      entry.addEventListener("click", () => {
        this.only = this.only === g ? undefined : g;
        legend.querySelectorAll(".entry").forEach((other, i) => {
          other.classList.toggle("faint", this.only !== undefined && i !== this.only);
        });
        this.redraw();
      });
    });
  }

  /** A circle, or a triangle for classes from the eleventh on. */
  mark(parent, x, y, g, size) {
    const { style } = this.data.groups[g];
    const fill = `fill:var(--class-${style % 10})`;
    if (style < 10) {
      return drawn(parent, "circle", { cx: x, cy: y, r: size, style: fill });
    }
    const s = 1.25 * size;
    const d = `M${x} ${y - s}L${x + s} ${y + 0.8 * s}L${x - s} ${y + 0.8 * s}Z`;
    return drawn(parent, "path", { d, style: fill });
  }

  draw(width) {
    const { frame, names, equal, ticked } = this.data;
    const [left, top, right, bottom] = [ticked ? 52 : 12, 8, 12, 42];
    const ranges = frame.map(([low, high]) => high - low);
    let inner = [width - left - right, 0];
    inner[1] = inner[0] * (equal ? ranges[1] / ranges[0] : ticked ? 0.75 : 0.5);
    const most = 1.05 * inner[0];
    if (inner[1] > most) inner = [(inner[0] * most) / inner[1], most];
    this.x = scaleOf(frame[0], left, left + inner[0], false);
    this.y = scaleOf(frame[1], top + inner[1], top, false);
    const height = top + inner[1] + bottom;

    this.plot.replaceChildren();
    const size = { viewBox: `0 0 ${width} ${height}`, role: "img" };
    const label = "Codes of test examples; arrow keys move what is decoded";
    const svg = drawn(this.plot, "svg", { ...size, tabindex: 0, "aria-label": label });
    const box = { x: left, y: top, width: inner[0], height: inner[1] };
    drawn(svg, "rect", { class: "ground", ...box });
    for (const value of ticks(...frame[0], Math.max(3, width / 90))) {
      const x = this.x.at(value);
      const line = { x1: x, x2: x, y1: top, y2: top + inner[1] };
      drawn(svg, "line", { class: "grid", ...line });
      const place = { x, y: top + inner[1] + 16, "text-anchor": "middle" };
      drawn(svg, "text", place, short(value));
    }
    for (const value of ticked ? ticks(...frame[1], Math.max(3, inner[1] / 80)) : []) {
      const y = this.y.at(value);
      const line = { x1: left, x2: left + inner[0], y1: y, y2: y };
      drawn(svg, "line", { class: "grid", ...line });
      drawn(svg, "text", { x: left - 7, y: y + 4, "text-anchor": "end" }, short(value));
    }
    const middle = left + inner[0] / 2;
    const below = { x: middle, y: height - 6, "text-anchor": "middle", class: "name" };
    drawn(svg, "text", below, names[0]);
    const turned = `translate(13 ${top + inner[1] / 2}) rotate(-90)`;
    const aside = { transform: turned, "text-anchor": "middle", class: "name" };
    drawn(svg, "text", aside, names[1]);
    const cloud = drawn(svg, "g", { class: "cloud" });
    const radius = (this.points.length > 800 ? 2.4 : 3.2) * (width < 480 ? 0.8 : 1);
    this.points.forEach(([x, y], i) => {
      const g = this.data.group[i];
      const made = this.mark(cloud, this.x.at(x), this.y.at(y), g, radius);
      if (this.only !== undefined && g !== this.only) made.setAttribute("class", "faint");
    });
    this.ring = drawn(svg, "circle", { class: "ring", r: 7 });
    if (this.sheet) this.grip = drawn(svg, "g", { class: "grip" });
    this.width = width;
    this.showExample(this.chosen);
    this.moveTo(this.handle);
  }

  redraw() {
    this.draw(this.width);
  }

  // -- what is shown -----------------------------------------------------------------

  showExample(i) {
    this.chosen = i;
    const [x, y] = this.points[i];
    this.ring.setAttribute("cx", this.x.at(x));
    this.ring.setAttribute("cy", this.y.at(y));
    this.examples.show(this.example.querySelector(".shown"), [[i, 1]]);
    const { groups, group, numbers } = this.data;
    const name = groups[group[i]].name || this.data.labels?.[i];
    const told = `Test example ${numbers[i]}`;
    const caption = this.example.querySelector("figcaption");
    caption.replaceChildren();
    put(caption, "b", "label", name ? `${name}` : told);
    if (name) put(caption, "span", "", told);
  }

  /** Put the handle at a place of the plane, and show what is decoded there. */
  moveTo(place) {
    if (!this.sheet) return;
    const { frame, grid, names, ticked } = this.data;
    this.handle = place.map((v, d) => Math.min(frame[d][1], Math.max(frame[d][0], v)));
    const [x, y] = [this.x.at(this.handle[0]), this.y.at(this.handle[1])];
    this.grip.replaceChildren();
    drawn(this.grip, "circle", { class: "halo", cx: x, cy: y, r: 11 });
    drawn(this.grip, "circle", { cx: x, cy: y, r: 11 });
    drawn(this.grip, "path", { d: `M${x - 5} ${y}h10M${x} ${y - 5}v10` });
    const cells = this.handle.map((v, d) => {
      const [low, high] = frame[d];
      const exact = ((v - low) / (high - low)) * (grid[d] - 1);
      const first = Math.min(Math.floor(exact), Math.max(0, grid[d] - 2));
      return [first, exact - first];
    });
    const mix = [];
    for (const [row, up] of this.steps(cells[1], grid[1])) {
      for (const [column, along] of this.steps(cells[0], grid[0])) {
        mix.push([row * grid[0] + column, up * along]);
      }
    }
    this.sheet.show(this.decoded.querySelector(".shown"), mix);
    const caption = this.decoded.querySelector("figcaption");
    caption.replaceChildren();
    put(caption, "b", "", "Decoded");
    const told = names.slice(0, ticked ? 2 : 1);
    const at = told.map((name, d) => `${name.split(" (")[0]}: ${short(this.handle[d])}`);
    for (const text of at) put(caption, "span", "", text);
  }

  /** The two neighbours along one side with their weights. */
  steps([first, share], number) {
    if (number === 1) return [[0, 1]];
    return [
      [first, 1 - share],
      [first + 1, share],
    ];
  }

  // -- who moves it ------------------------------------------------------------------

  listen() {
    let dragging = false;
    const at = (event) => {
      const box = this.plot.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const answer = (event) => {
      if (!this.x) return;
      const [x, y] = at(event);
      const near = this.nearest(x, y);
      if (near !== null) this.showExample(near);
      if (dragging) this.moveTo([this.x.value(x), this.y.value(y)]);
    };
    this.plot.addEventListener("pointerdown", (event) => {
      dragging = true;
      this.plot.setPointerCapture(event.pointerId);
      answer(event);
    });
    this.plot.addEventListener("pointermove", answer);
    for (const name of ["pointerup", "pointercancel"]) {
      this.plot.addEventListener(name, () => (dragging = false));
    }
    this.plot.addEventListener("keydown", (event) => {
      const step = {
        ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1],
      }[event.key];
      if (!step || !this.sheet) return;
      event.preventDefault();
      const sides = this.data.frame.map(([low, high]) => (high - low) / 50);
      this.moveTo(this.handle.map((v, d) => v + step[d] * sides[d]));
    });
  }

  nearest(x, y) {
    let [found, least] = [null, NEAR * NEAR];
    this.points.forEach(([a, b], i) => {
      if (this.only !== undefined && this.data.group[i] !== this.only) return;
      const distance = (this.x.at(a) - x) ** 2 + (this.y.at(b) - y) ** 2;
      if (distance < least) [found, least] = [i, distance];
    });
    return found;
  }
}


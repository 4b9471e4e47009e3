// -- drawing ------------------------------------------------------------------------

// The namespace of SVG as the browser knows it: a page names no address.
const NAMESPACE = (() => {
  const template = document.createElement("template");
  template.innerHTML = "<svg></svg>";
  return template.content.firstChild.namespaceURI;
})();

/** An element of SVG with attributes, put into a parent. */
function drawn(parent, name, attributes, text) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

/** An element of HTML with a class and a text, put into a parent. */
function put(parent, name, kind, text) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

/** The values that a part of the page holds. */
function valuesOf(holder) {
  return JSON.parse(holder.querySelector("script").textContent);
}

/** A number in a few digits, very large and small ones with a power of ten. */
function short(value, digits = 4) {
  const size = Math.abs(value);
  const wide = size >= 1e6 || (size > 0 && size < 1e-4);
  const number = Number(value.toPrecision(digits));
  const text = wide ? number.toExponential().replace("e+", "e") : String(number);
  return text.replaceAll("-", "\u2212");
}

/** Draw now and whenever the holder's width changes. */
function drawnToFit(holder, draw) {
  let width = 0;
  new ResizeObserver(() => {
    const now = Math.floor(holder.clientWidth);
    if (now === width || now === 0) return;
    width = now;
    draw(width);
  }).observe(holder);
}

// -- scales -------------------------------------------------------------------------

/** Round numbers from low to high, about as many as asked for. */
function ticks(low, high, number, whole) {
  const raw = (high - low) / number;
  let step = Math.pow(10, Math.floor(Math.log10(raw)));
  step *= [1, 2, 5, 10].find((factor) => factor * step >= raw * 0.999) || 10;
  if (whole) step = Math.max(1, Math.round(step));
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

/** Powers of ten, with 2 and 5 between them where these are few. */
function logTicks(low, high) {
  const decades = Math.log10(high / low);
  const factors = decades > 3 ? [1] : decades > 1 ? [1, 3] : [1, 1.5, 2, 3, 5, 7];
  const every = Math.max(1, Math.ceil(decades / 5));
  const found = [];
  for (let p = Math.floor(Math.log10(low)); p <= Math.log10(high); p += every) {
    for (const factor of factors) {
      const value = Number((factor * Math.pow(10, p)).toPrecision(3));
      if (value >= low && value <= high) found.push(value);
    }
  }
  return found;
}

/** Ends of an axis that show all values with a margin, even constant ones. */
function ends(values, log) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (log) {
    const margin = Math.max(Math.pow(high / low, 0.06), 1.05);
    return [low / margin, high * margin];
  }
  const span = high - low;
  const margin =
    span > 1e-9 * Math.max(Math.abs(low), Math.abs(high))
      ? 0.06 * span
      : 0.1 * Math.abs(low) || 1;
  return [low - margin, high + margin];
}

/** From values in [low, high] to pixels in [from, to], and back. */
function scaleOf([low, high], from, to, log) {
  const warp = log ? Math.log : (value) => value;
  const back = log ? Math.exp : (value) => value;
  const factor = (to - from) / (warp(high) - warp(low));
  return {
    at: (value) => from + (warp(value) - warp(low)) * factor,
    value: (pixel) => back(warp(low) + (pixel - from) / factor),
  };
}


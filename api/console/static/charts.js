// Small drawings, without a library.

const SVG = "http://www.w3.org/2000/svg";

export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** A line through *points*, each an x from 0 to 1 and a value, above its own ground. */
export function drawLine(svg, points, words) {
  const { width, height } = svg.viewBox.baseVal;
  const most = Math.max(...points.map(([, value]) => value), 1e-9) * 1.15;
  const at = ([x, value]) => `${(x * width).toFixed(1)},${(height - 1 - (value / most) * (height - 4)).toFixed(1)}`;
  const path = points.map(at).join(" L");
  svg.replaceChildren(...(points.length > 1 ? [
    shape("path", { class: "ground", d: `M${(points[0][0] * width).toFixed(1)},${height} L${path} L${(points.at(-1)[0] * width).toFixed(1)},${height} Z` }),
    shape("path", { class: "stroke", d: `M${path}` }),
  ] : []));
  svg.setAttribute("aria-label", words);
}

/** Parts side by side, each as wide as its share of *whole*. */
export function bar(parts, whole, words) {
  const svg = shape("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": words });
  let x = 0;
  for (const [name, value] of parts) {
    const width = whole ? (value / whole) * 100 : 0;
    svg.append(shape("rect", { class: name, x, y: 0, width, height: 10 }));
    x += width;
  }
  return svg;
}

/** How many of *values* lie up to each of *bounds*, and beyond the last. */
export function histogram(values, bounds) {
  const counts = new Array(bounds.length + 1).fill(0);
  for (const value of values) {
    const index = bounds.findIndex((bound) => value <= bound);
    counts[index < 0 ? bounds.length : index] += 1;
  }
  return counts;
}

/** Columns for *counts*; *names* tells the bound of each. */
export function columns(counts, names, words) {
  const [width, height] = [600, 120];
  const svg = shape("svg", { class: "columns", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": words });
  const most = Math.max(...counts, 1);
  const step = width / counts.length;
  counts.forEach((count, index) => {
    const tall = (count / most) * (height - 4);
    const column = shape("rect", { x: index * step + 3, y: height - tall, width: step - 6, height: tall });
    const title = shape("title", {});
    title.textContent = `${names[index]}: ${count}`;
    column.append(title);
    svg.append(column);
  });
  return svg;
}

export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] : null;
}

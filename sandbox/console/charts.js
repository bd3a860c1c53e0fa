// Two small charts as SVG: bars of what was answered and refused, and steps of replicas.

const WIDTH = 560, HEIGHT = 130, LEFT = 30, BOTTOM = 18, TOP = 8;

function svg(tag, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/** The least of 1, 2, 5, 10, 20, 50 … that is not below n. */
function roundUp(n) {
  let unit = 1;
  while (unit * 10 < n) unit *= 10;
  return [1, 2, 5, 10].map((factor) => factor * unit).find((each) => each >= n);
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
}

function frame(chart, most, history, count) {
  chart.replaceChildren();
  const bottom = HEIGHT - BOTTOM;
  for (const [value, y] of [[most, TOP], [0, bottom]]) {
    chart.append(svg("line", { class: "axis", x1: LEFT, x2: WIDTH, y1: y, y2: y }));
    chart.append(svg("text", { x: LEFT - 5, y: y + 4, "text-anchor": "end" }, value));
  }
  chart.append(svg("text", { x: LEFT, y: HEIGHT - 3 }, clock(history.start)));
  chart.append(svg("text", { x: WIDTH, y: HEIGHT - 3, "text-anchor": "end" }, clock(history.start + history.step * count)));
  return { x: (index) => LEFT + (index * (WIDTH - LEFT)) / count, y: (value) => bottom - (value / most) * (bottom - TOP) };
}

/** Stacked bars. `series` is [{name, colour, values}], the values of one length. */
export function bars(chart, series, history, count) {
  const totals = Array.from({ length: count }, (_, i) => series.reduce((sum, each) => sum + each.values[i], 0));
  const scale = frame(chart, roundUp(Math.max(1, ...totals)), history, count);
  const width = Math.max(1, scale.x(1) - scale.x(0) - 1.5);
  for (let i = 0; i < count; i++) {
    let below = 0;
    for (const each of series) {
      const value = each.values[i];
      if (!value) continue;
      const top = scale.y(below + value);
      chart.append(svg("rect", { class: each.colour, x: scale.x(i), y: top, width, height: scale.y(below) - top }));
      below += value;
    }
  }
}

/** Lines that go in steps; null where nothing is known. */
export function steps(chart, series, history, count) {
  const scale = frame(chart, roundUp(Math.max(1, ...series.flatMap((each) => each.values))), history, count);
  for (const each of series) {
    let path = "", last = null;
    each.values.forEach((value, i) => {
      if (value === null) return;
      path += last === null ? `M${scale.x(i)},${scale.y(value)}` : `L${scale.x(i)},${scale.y(last)}L${scale.x(i)},${scale.y(value)}`;
      last = value;
    });
    if (last !== null) chart.append(svg("path", { class: each.colour, d: `${path}L${scale.x(count)},${scale.y(last)}` }));
  }
}

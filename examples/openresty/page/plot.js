// Small plots of the last minute, drawn as SVG.
const SPAN = 60 // seconds
const HEIGHT = 92, LEFT = 44, TOP = 8, BOTTOM = 84

function add(parent, name, attributes, text) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  if (text) made.textContent = text
  parent.append(made)
}

/** What is older than the plots show is dropped from a list of [time, value]. */
export function forget(points, now) {
  while (points.length && points[0][0] < now - SPAN) points.shift()
}

/**
 * Draws series of points, each a table of `points`, `kind` (dots or line) and `name` (its class). `marks` are lines across,
 * [value, text]; the first and the last of them are the ends of the scale.
 */
export function plot(svg, now, { marks, series, logarithmic }) {
  const width = svg.clientWidth
  const scale = logarithmic ? Math.log : Number
  const low = scale(marks[0][0]), high = scale(marks.at(-1)[0])
  const x = time => width - 4 - (now - time) / SPAN * (width - LEFT - 4)
  const y = value => {
    const share = (scale(Math.max(value, marks[0][0])) - low) / (high - low)
    return BOTTOM - Math.min(share, 1) * (BOTTOM - TOP)
  }
  svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`)
  svg.replaceChildren()
  for (const [value, text, name] of marks) {
    add(svg, 'line', { x1: LEFT, x2: width, y1: y(value), y2: y(value), class: name || 'mark' })
    add(svg, 'text', { x: LEFT - 6, y: y(value) + 4 }, text)
  }
  for (const { points, kind, name } of series) {
    if (kind === 'dots') {
      for (const [time, value] of points) add(svg, 'circle', { cx: x(time), cy: y(value), r: 3, class: name })
    } else {
      add(svg, 'polyline', { points: points.map(([t, v]) => `${x(t)},${y(v)}`).join(' '), class: name })
    }
  }
}

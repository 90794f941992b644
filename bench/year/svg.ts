/** Attributes of an SVG element; numbers are cut to a tenth of a pixel. */
export type Attributes = Readonly<Record<string, string | number>>

export function element(name: string, attributes: Attributes, content = ''): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${format(value)}"`)
  return `<${name}${written.join('')}>${content}</${name}>`
}

export function text(content: string, attributes: Attributes): string {
  return element('text', attributes, escape(content))
}

export function path(points: readonly (readonly [x: number, y: number])[]): string {
  return points
    .map(([x, y], place) => `${place === 0 ? 'M' : 'L'}${format(x)} ${format(y)}`)
    .join('')
}

function format(value: string | number): string {
  return typeof value === 'number' ? String(Math.round(value * 10) / 10) : escape(value)
}

function escape(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

/**
 * Debian version numbers in dpkg's order: `[epoch:]upstream[-revision]`.
 *
 * @see https://www.debian.org/doc/debian-policy/ch-controlfields.html#version
 */

/** Negative, 0 or positive as `a` is older than, the same as or newer than `b`. */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0
  const left = split(a)
  const right = split(b)
  return left.epoch - right.epoch || compareParts(left.upstream, right.upstream) || compareParts(left.revision, right.revision)
}

export type Operator = '<<' | '<=' | '=' | '>=' | '>>'

export function satisfies(version: string, operator: Operator, wanted: string): boolean {
  const order = compareVersions(version, wanted)
  switch (operator) {
    case '<<':
      return order < 0
    case '<=':
      return order <= 0
    case '=':
      return order === 0
    case '>=':
      return order >= 0
    case '>>':
      return order > 0
  }
}

function split(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(':')
  const dash = version.lastIndexOf('-')
  return {
    epoch: colon < 0 ? 0 : Number.parseInt(version.slice(0, colon), 10) || 0,
    upstream: version.slice(colon + 1, dash < 0 ? undefined : dash),
    revision: dash < 0 ? '' : version.slice(dash + 1),
  }
}

/** Alternate runs of non-digits, in the order of `weight`, and of digits, as numbers. */
function compareParts(a: string, b: string): number {
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const order = weight(a, i) - weight(b, j)
      if (order !== 0) return order
      i++
      j++
    }
    while (a[i] === '0') i++
    while (b[j] === '0') j++
    let first = 0
    for (; isDigit(a, i) && isDigit(b, j); i++, j++) first ||= a.charCodeAt(i) - b.charCodeAt(j)
    if (isDigit(a, i)) return 1
    if (isDigit(b, j)) return -1
    if (first !== 0) return first
  }
  return 0
}

/** A tilde sorts before the end, the end before letters, letters before all else; a digit ends the run. */
function weight(text: string, at: number): number {
  if (at >= text.length || isDigit(text, at)) return 0
  const code = text.charCodeAt(at)
  if (code === 0x7e) return -1
  const letter = (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
  return letter ? code : code + 256
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 0x30 && code <= 0x39
}

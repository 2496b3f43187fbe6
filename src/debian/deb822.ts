/**
 * Debian's control format: stanzas of `Field: value` lines, parted by empty lines; a line that starts with a space goes on.
 *
 * @see https://manpages.debian.org/deb822
 */

/** Field names are in lower case, since they match without regard to case. Continuation lines keep their leading space. */
export type Stanza = ReadonlyMap<string, string>

export function parseStanza(text: string): Stanza {
  const fields = new Map<string, string>()
  let last = ''
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    if (line.startsWith(' ') || line.startsWith('\t')) {
      if (last !== '') fields.set(last, `${fields.get(last)}\n${line}`)
      continue
    }
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    last = line.slice(0, colon).toLowerCase()
    fields.set(last, line.slice(colon + 1).trim())
  }
  return fields
}

export function parseStanzas(text: string): Stanza[] {
  return text
    .replaceAll('\r\n', '\n')
    .split(/\n[ \t]*\n/)
    .map(parseStanza)
    .filter((stanza) => stanza.size > 0)
}

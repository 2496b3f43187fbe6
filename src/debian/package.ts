/** A binary package as an archive's index describes it, parsed once. */

import { parseSha256, type Sha256 } from '../base/digest.ts'
import { LangrunError } from '../base/error.ts'
import { parseStanza } from './deb822.ts'
import type { Source } from './source.ts'
import { type Operator, satisfies } from './version.ts'

export interface Package {
  readonly name: string
  readonly version: string
  readonly architecture: string
  /** The source package that it was built from. */
  readonly origin: string
  readonly source: Source
  /** Where its .deb is. */
  readonly url: string
  readonly filename: string
  /** Of the .deb, in bytes. */
  readonly size: number
  readonly sha256: Sha256
  /** In bytes, rounded up by the packager. */
  readonly installedSize: number
  /** One line. */
  readonly description: string
  readonly homepage: string
  readonly section: string
  readonly priority: string
  readonly essential: boolean
  readonly preDepends: readonly Dependency[]
  readonly depends: readonly Dependency[]
  readonly provides: readonly Provided[]
}

/** One of the alternatives must be there. */
export type Dependency = readonly Relation[]

export interface Relation {
  readonly name: string
  /** `any`, `native` or an architecture: what followed the colon. */
  readonly qualifier?: string
  readonly operator?: Operator
  readonly version?: string
}

export interface Provided {
  readonly name: string
  /** Without one, it satisfies only relations without a version. */
  readonly version?: string
}

export function parsePackage(text: string, source: Source): Package {
  const stanza = parseStanza(text)
  const need = (field: string): string => {
    const value = stanza.get(field)
    if (value !== undefined) return value
    throw new LangrunError('untrusted', `cannot use the package index of ${source.suite}`, {
      cause: `a package (${stanza.get('package') ?? 'nameless'}) has no field "${field}"`,
    })
  }
  const name = need('package')
  const filename = need('filename')
  const size = Number(need('size'))
  if (!Number.isSafeInteger(size) || size < 0 || filename.split('/').includes('..')) {
    throw new LangrunError('untrusted', `cannot use the package index of ${source.suite}`, { cause: `bad size or file name of ${name}` })
  }
  return {
    name,
    version: need('version'),
    architecture: need('architecture'),
    origin: (stanza.get('source') ?? name).replace(/ .*/s, ''),
    source,
    url: `${source.mirror}/${encodeURI(filename)}`,
    filename,
    size,
    sha256: parseSha256(need('sha256')),
    installedSize: (Number(stanza.get('installed-size')) || 0) * 1024,
    description: stanza.get('description')?.replace(/\n.*/s, '') ?? '',
    homepage: stanza.get('homepage') ?? '',
    section: stanza.get('section') ?? '',
    priority: stanza.get('priority') ?? 'optional',
    essential: stanza.get('essential') === 'yes',
    preDepends: parseDependencies(stanza.get('pre-depends')),
    depends: parseDependencies(stanza.get('depends')),
    provides: parseDependencies(stanza.get('provides')).flatMap(([provided]) =>
      provided === undefined ? [] : [{ name: provided.name, ...(provided.version !== undefined && { version: provided.version }) }],
    ),
  }
}

/** `a (>= 1) | b:any, c`: a list of dependencies, each a list of alternatives. */
export function parseDependencies(text: string | undefined): Dependency[] {
  if (text === undefined || text === '') return []
  return text
    .split(',')
    .map((dependency) => dependency.split('|').flatMap((alternative) => parseRelation(alternative) ?? []))
    .filter((dependency) => dependency.length > 0)
}

/** @see https://www.debian.org/doc/debian-policy/ch-relationships.html */
const RELATION = /^\s*([a-zA-Z0-9][a-zA-Z0-9+.-]*)(?::([a-z0-9-]+))?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s)]+)\s*\))?\s*$/

function parseRelation(text: string): Relation | undefined {
  if (text.trim() === '') return undefined
  const match = RELATION.exec(text)
  if (match === null) throw new LangrunError('untrusted', `cannot understand the dependency "${text.trim().slice(0, 100)}"`)
  const [, name = '', qualifier, operator, version] = match
  return {
    name,
    ...(qualifier !== undefined && { qualifier }),
    // Policy still reads the old < and > as "or equal".
    ...(operator !== undefined && { operator: (operator.length === 1 && operator !== '=' ? `${operator}=` : operator) as Operator }),
    ...(version !== undefined && { version }),
  }
}

/** Whether a package of that name and version is what the relation wants. */
export function matches(relation: Relation, version: string | undefined): boolean {
  if (relation.operator === undefined || relation.version === undefined) return true
  return version !== undefined && satisfies(version, relation.operator, relation.version)
}

export function renderDependency(dependency: Dependency): string {
  return dependency
    .map(
      ({ name, qualifier, operator, version }) => name + (qualifier ? `:${qualifier}` : '') + (operator ? ` (${operator} ${version})` : ''),
    )
    .join(' | ')
}

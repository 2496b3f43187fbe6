/** Lines for the kernel: what goes in comes out, and what it would refuse is refused with a reason. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseBytes, parseMask, showBytes } from '../../src/binfmt/bytes.ts'
import { type Definition, encodeDefinition, type Match, parseDefinition } from '../../src/binfmt/definition.ts'

const extension = (text: string): Match => ({ kind: 'extension', extension: text })
const magic = (text: string, mask?: string, offset = 0): Match => ({
  kind: 'magic',
  offset,
  magic: parseBytes(text),
  mask: mask === undefined ? undefined : parseMask(mask),
})
const define = (match: Match, more: Partial<Definition> = {}): Definition => ({ name: 'n', match, interpreter: '/i', flags: '', ...more })

suite('a line for the kernel', () => {
  const LINES: Record<string, [Definition, string]> = {
    'of the first article': [
      define(extension('go'), { name: 'golang', interpreter: '/usr/local/bin/gorun', flags: 'OC' }),
      ':golang:E::go::/usr/local/bin/gorun:OC',
    ],
    'with a magic, a mask and an offset': [define(magic('ab', 'ffdf', 3)), String.raw`:n:M:3:\x61\x62:\xff\xdf:/i:`],
    'with NUL, colon, backslash and line break in the magic': [
      define(magic(String.raw`\x00:\\\x0a`)),
      String.raw`:n:M:0:\x00\x3a\x5c\x0a::/i:`,
    ],
    'with a colon in the extension': [define(extension('a:b')), ',n,E,,a:b,,/i,'],
    'with colon and comma': [define(extension('a:b'), { name: 'x,y' }), '|x,y|E||a:b||/i|'],
    'with a colon in the path': [define(extension('x'), { interpreter: '/a:b' }), ',n,E,,x,,/a:b,'],
  }
  for (const [what, [definition, line]] of Object.entries(LINES)) {
    test(`${what} is written, and read again`, () => {
      assert.equal(encodeDefinition(definition), line)
      const read = parseDefinition(line)
      assert.deepEqual(read === undefined ? undefined : encodeDefinition({ ...read, flags: definition.flags }), line)
    })
  }

  const REFUSED: Record<string, [Definition, string]> = {
    'an empty name': [define(magic('x'), { name: '' }), 'its name is empty'],
    'the name register': [define(magic('x'), { name: 'register' }), '"register" is a file of the kernel\'s own there'],
    'the name status': [define(magic('x'), { name: 'status' }), '"status" is a file of the kernel\'s own there'],
    'the name ..': [define(magic('x'), { name: '..' }), 'an entry is a file: ".." cannot be its name'],
    'a slash in the name': [define(magic('x'), { name: 'a/b' }), 'an entry is a file: "a/b" cannot be its name'],
    'a name longer than a file can have': [define(magic('x'), { name: 'n'.repeat(256) }), 'its name has more than 255 bytes'],
    'an empty extension': [define(extension('')), 'its extension is empty'],
    'a slash in the extension': [define(extension('a/b')), '".a/b" cannot be the end of a file\'s name'],
    'an extension with a dot': [define(extension('tar.gz')), 'the kernel compares what follows the last dot, never ".tar.gz"'],
    'an empty magic': [define(magic('')), 'its magic is empty: every file would match'],
    'a magic behind the first 128 bytes': [
      define(magic('abc', undefined, 126)),
      'the kernel looks at the first 128 bytes of a file, and the magic ends at 129',
    ],
    'a negative offset': [define(magic('a', undefined, -1)), '"-1" is no offset'],
    'a mask of another length': [define(magic('abc', 'ffff')), 'its mask has 2 bytes, and its magic 3'],
    'a mask of zeros': [define(magic('abc', '000000')), 'its mask is all zero: every file would match'],
    'a relative interpreter': [define(magic('a'), { interpreter: 'bin/x' }), '"bin/x" is not an absolute path'],
    'no interpreter': [define(magic('a'), { interpreter: '' }), '"" is not an absolute path'],
    'an interpreter of 128 bytes': [
      define(magic('a'), { interpreter: `/${'x'.repeat(127)}` }),
      `the kernel takes 127 bytes of path, and /${'x'.repeat(127)} has 128`,
    ],
    'a flag that there is not': [define(magic('a'), { flags: 'OX' }), 'there is no flag "X"'],
    'a line of 1921 bytes': [define(extension('x'.repeat(1910))), 'the kernel takes a line of 1920 bytes'],
    'every delimiter in its fields': [
      define(extension('x'), { name: ':,|!%@~^=+' }),
      'the fields contain every one of :,|!%@~^=+, and one has to stand between them',
    ],
  }
  for (const [what, [definition, cause]] of Object.entries(REFUSED)) {
    test(`with ${what} is refused`, () => assert.throws(() => encodeDefinition(definition), { code: 'unsupported', cause }))
  }

  test('of 1920 bytes is written', () => assert.equal(encodeDefinition(define(extension('x'.repeat(1909)))).length, 1920))

  for (const line of ['', 'x', ':a:E', ':a:X::b::/i:', '::E::b::/i:']) {
    test(`that the kernel would not understand is not read: "${line}"`, () => assert.equal(parseDefinition(line), undefined))
  }
})

suite('bytes', () => {
  const READ: Record<string, string> = {
    '7f454c46': '7f454c46',
    CAFEBABE: 'cafebabe',
    '0xcafe': 'cafe',
    cafe: '63616665',
    'text:cafebabe': '6361666562616265',
    '#5318008': '2335333138303038',
    [String.raw`\x7fELF`]: '7f454c46',
    [String.raw`\x235318008`]: '2335333138303038',
    [String.raw`\\x41`]: '5c783431',
    é: 'c3a9',
    '': '',
  }
  for (const [text, hex] of Object.entries(READ)) {
    test(`"${text}" is ${hex}`, () => assert.equal(parseBytes(text).toString('hex'), hex))
  }

  for (const text of ['0x7f4', '0xzz', String.raw`\q`, String.raw`\x7`, 'a\\']) {
    test(`"${text}" is refused`, () => assert.throws(() => parseBytes(text), { code: 'usage', message: `cannot read the bytes "${text}"` }))
  }

  test('a mask is never text', () => {
    assert.equal(parseMask('ff').toString('hex'), 'ff')
    assert.equal(parseMask(String.raw`\xff\x00`).toString('hex'), 'ff00')
    assert.throws(() => parseMask('ELF'), { code: 'usage' })
  })

  test('are shown with their text where they have some', () => {
    assert.equal(showBytes(parseBytes('0x7f454c46')), '7f454c46 (".ELF")')
    assert.equal(showBytes(parseBytes('0x0001')), '0001')
  })
})

/** Recipes of formats that are told by their first bytes, and examples that are no text. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLanguage } from '../../src/catalogue/recipe.ts'

const recipe = (more: string) => parseLanguage('x', `command = ["x", "{script}"]\n${more}`, 'runners/x.toml')

test('a recipe may name the magic of its format, of four bytes or more', () => {
  assert.equal(recipe('magic = "0061736d"').magic, '0061736d')
  assert.equal(recipe('').magic, undefined)
  for (const wrong of ['4d5a', '0061736', '0061736D', '\\\\x00asm'])
    assert.throws(() => recipe(`magic = "${wrong}"`), { cause: 'magic: it must be four bytes or more, in hexadecimal: "0061736d"' })
})

test('an example may be bytes', () => {
  const [example] = recipe('[[examples]]\nfile = "a.x"\nbase64 = """\nAGFz\nbQ==\n"""\n').examples
  assert.deepEqual(example?.script, Buffer.from('\0asm'))
  assert.throws(() => recipe('[[examples]]\nfile = "a.x"\n'), /cannot use the recipe/)
})

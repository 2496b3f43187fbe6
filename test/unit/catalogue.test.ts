/** Recipes: what each mistake is told, and how a language is found. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LangrunError, render } from '../../src/base/error.ts'
import { allExtensions, claimants, findLanguage, ownerOf, parseCatalogue } from '../../src/catalogue/catalogue.ts'
import { parseImage, parseLanguage } from '../../src/catalogue/recipe.ts'

const GOOD = 'extensions = ["x"]\ncommand = ["x", "{script}", "{args}"]\n'
const FILE = 'runners/x.toml'

/** What a person reads of the error that `act` must throw. */
function complaint(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof LangrunError, `${error}`)
    assert.equal(error.code === 'usage' || error.code === 'not-found', true)
    return render(error)
  }
  throw new Error('nothing was thrown')
}

test('a recipe needs little, and has sensible values for the rest', () => {
  assert.deepEqual(parseLanguage('x', GOOD, FILE), {
    ...parseLanguage('x', GOOD, FILE),
    name: 'x',
    title: 'x',
    extensions: ['x'],
    also: [],
    aliases: [],
    image: 'x',
    command: ['x', '{script}', '{args}'],
    repl: undefined,
    environment: {},
    examples: [],
  })
  const image = parseImage('x', 'packages = ["a", "b=1.0"]\n', 'images/x.toml')
  assert.deepEqual([image.suite, image.packages, image.without, image.setup], ['trixie', ['a', 'b=1.0'], [], undefined])
})

const MISTAKES: Record<string, [text: string, because: string]> = {
  'a misspelt field': [`${GOOD}extnsions = []\n`, 'extnsions: there is no such field'],
  'no command': ['extensions = ["x"]\n', 'command: it must name a program'],
  'a command without a place for the script': ['command = ["x"]\n', 'command: it must say where the script goes: {script}'],
  'a command that is the script': ['command = ["{script}"]\n', 'command: it must begin with a program, not with {script}'],
  'a string where a list must be': ['command = "x {script}"\n', 'command: it must be a list of strings'],
  'numbers in a list of strings': [`aliases = [1]\n${GOOD}`, 'aliases: it must be a list of strings'],
  'a list where a string must be': [`title = ["x"]\n${GOOD}`, 'title: it must be a string'],
  'an ending with a dot': [
    GOOD.replace('"x"]', '".x"]'),
    'extensions: ".x" is no file-name ending: write it without the dot, and without / : or blanks',
  ],
  'an ending with a slash': [
    GOOD.replace('"x"]', '"a/b"]'),
    'extensions: "a/b" is no file-name ending: write it without the dot, and without / : or blanks',
  ],
  'an environment that is no table': [`environment = "A=1"\n${GOOD}`, 'environment: it must be a table of strings'],
  'an environment of numbers': [`environment = { A = 1 }\n${GOOD}`, 'environment: it must be a table of strings'],
  'an example without a file': [
    `${GOOD}[[examples]]\nscript = "x"\n`,
    'examples[0].script: an example of x needs a file, and script or base64',
  ],
  'an example with a misspelt field': [
    `${GOOD}[[examples]]\nfile = "a.x"\nscript = "x"\nstdot = ""\n`,
    'examples[0].stdot: there is no such field',
  ],
  'an exit code that is no number': [
    `${GOOD}[[examples]]\nfile = "a.x"\nscript = "x"\nstatus = "7"\n`,
    'examples[0].status: it must be a whole number',
  ],
}

for (const [what, [text, because]] of Object.entries(MISTAKES)) {
  test(`a recipe with ${what} is refused, with file and field`, () => {
    assert.equal(
      complaint(() => parseLanguage('x', text, FILE)),
      `langrun: cannot use the recipe ${FILE}\n  because: ${because}`,
    )
  })
}

test('a recipe that is no TOML is refused with line and column', () => {
  assert.match(
    complaint(() => parseLanguage('x', 'title = "x"\ncommand = [', FILE)),
    /^langrun: cannot read runners\/x\.toml, line 2, column \d+\n {2}because: /,
  )
})

test('a name that is no name is refused', () => {
  for (const name of ['X', 'a/b', '', '-a', 'ä']) {
    assert.match(
      complaint(() => parseLanguage(name, GOOD, FILE)),
      /is no name: lower-case letters, digits, \+ - \.$/,
    )
  }
})

test('an image without packages is refused', () => {
  assert.equal(
    complaint(() => parseImage('x', '', 'images/x.toml')),
    'langrun: cannot use the recipe images/x.toml\n  because: packages: it must name at least one package',
  )
})

const IMAGES = { base: 'packages = ["base"]\n', lisp: 'packages = ["lisp"]\n', python: 'packages = ["python3"]\n' }
const RUNNERS = {
  clisp: 'extensions = ["lisp", "cl"]\naliases = ["common-lisp"]\nimage = "lisp"\ncommand = ["clisp", "{script}"]\n',
  sbcl: 'extensions = ["sbcl"]\nalso = ["lisp"]\nimage = "lisp"\ncommand = ["sbcl", "{script}"]\n',
  python: 'extensions = ["py"]\naliases = ["python3"]\ncommand = ["python3", "{script}"]\n',
}
const catalogue = parseCatalogue({ runners: RUNNERS, images: IMAGES })

test('a language is found by name, alias, ending, and in any case', () => {
  for (const [name, found] of Object.entries({
    clisp: 'clisp',
    'common-lisp': 'clisp',
    CLISP: 'clisp',
    lisp: 'clisp',
    '.lisp': 'clisp',
    py: 'python',
    Python3: 'python',
  })) {
    assert.equal(findLanguage(catalogue, name).name, found, name)
  }
})

test('a name that nobody has gets the nearest languages, each once, by its own name', () => {
  const hint = (name: string): string | undefined => /hint: (.*)/.exec(complaint(() => findLanguage(catalogue, name)))?.[1]
  assert.equal(hint('pyton'), 'did you mean python? All names: langrun list --all')
  assert.equal(hint('clips'), 'did you mean clisp? All names: langrun list --all')
  assert.equal(hint('zzzzzzzz'), 'all names: langrun list --all')
})

test('an ending has one owner, and others that can run it come after', () => {
  assert.equal(ownerOf(catalogue, 'lisp')?.name, 'clisp')
  assert.deepEqual(
    claimants(catalogue, 'lisp').map(({ name }) => name),
    ['clisp', 'sbcl'],
  )
  assert.deepEqual(allExtensions(catalogue), ['cl', 'lisp', 'py', 'sbcl'])
})

test('two owners of one ending are a mistake, with the way out', () => {
  assert.equal(
    complaint(() => parseCatalogue({ runners: { ...RUNNERS, other: RUNNERS.python }, images: { ...IMAGES, other: IMAGES.python } })),
    'langrun: cannot use the recipe runners/other.toml\n  because: extensions: python has .py already; write it under "also" in one of them',
  )
})

test('a recipe that names an image which nobody wrote is a mistake, with the file of whoever wrote it', () => {
  const own = { folder: '/home/me/.config/langrun', runners: { mine: 'extensions = ["mine"]\ncommand = ["x", "{script}"]\n' }, images: {} }
  assert.equal(
    complaint(() => parseCatalogue({ runners: RUNNERS, images: IMAGES }, own)),
    'langrun: cannot use the recipe /home/me/.config/langrun/runners/mine.toml\n  because: image: there is no images/mine.toml',
  )
})

test("a user's recipe takes the place of a built-in one of the same name", () => {
  const own = { folder: '/c', runners: { python: 'title = "mine"\nextensions = ["py"]\ncommand = ["pypy3", "{script}"]\n' }, images: {} }
  assert.equal(findLanguage(parseCatalogue({ runners: RUNNERS, images: IMAGES }, own), 'python').title, 'mine')
})

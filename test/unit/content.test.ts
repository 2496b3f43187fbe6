/** What the text of a script says about its language, and what a folder's settings may say. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LangrunError } from '../../src/base/error.ts'
import { recognize } from '../../src/catalogue/content.ts'
import { parseProject } from '../../src/catalogue/project.ts'

const CLEAR: readonly (readonly [string, string, string])[] = [
  ['lisp', '(print (sb-ext:posix-getenv "HOME"))', 'sbcl'],
  ['lisp', '(ext:exit 7)', 'clisp'],
  ['cl', '(print ext:*args*)', 'clisp'],
  ['cl', '__kernel void add(__global int *a) {}', 'opencl'],
  ['pl', 'use strict;\nmy $x = 1;', 'perl'],
  ['pl', ':- initialization(main).\nmain :- write(hi), nl.', 'prolog'],
  ['pl', 'main :-\n  write(hi).', 'prolog'],
  ['pro', ':- module(x, []).', 'prolog'],
  ['m', '#import <Foundation/Foundation.h>', 'objc'],
  ['m', ':- module hello.', 'mercury'],
  ['m', 'function y = f(x)\n  y = x;\nend', 'octave'],
  ['v', 'module main;\ninitial $display("hi");\nendmodule', 'verilog'],
  ['v', 'Theorem t : 1 = 1. Proof. reflexivity. Qed.', 'coq'],
  ['v', 'fn main() { println("hi") }', 'v'],
  ['fs', 'open System\nprintfn "hi"', 'fsharp'],
  ['fs', ': hello ." hi" cr ;\nhello', 'forth'],
  ['d', 'import std.stdio;\nvoid main() { writeln("hi"); }', 'd'],
  ['r', 'x <- c(1, 2)\nprint(x)', 'r'],
]

for (const [extension, text, language] of CLEAR) {
  test(`${JSON.stringify(text.slice(0, 40))} in a .${extension} file is ${language}`, () => {
    assert.equal(recognize(extension, text), language)
  })
}

test('what any claimant could have written decides nothing', () => {
  assert.equal(recognize('lisp', '(format t "hi~%")'), undefined)
  assert.equal(recognize('pl', 'print "hi\\n";'), undefined)
  assert.equal(recognize('py', 'use strict;'), undefined)
})

test('a folder says which languages it wants and who runs an ending', () => {
  const text = 'languages = ["sbcl"]\n[extensions]\nlisp = "sbcl"\n".pl" = "prolog"\n'
  assert.deepEqual(parseProject(text, 'langrun.toml'), { languages: ['sbcl'], extensions: { lisp: 'sbcl', pl: 'prolog' } })
  assert.deepEqual(parseProject('', 'langrun.toml'), { languages: undefined, extensions: {} })
})

const WRONG: readonly (readonly [string, string])[] = [
  ['language = "sbcl"', 'language: there is no such setting'],
  ['languages = "sbcl"', 'languages: it must be a list of names'],
  ['[extensions]\nlisp = 1', 'extensions: it must be a table of names of languages'],
]

for (const [text, cause] of WRONG) {
  test(`a folder's settings with a mistake say so: ${cause}`, () => {
    assert.throws(
      () => parseProject(text, '/p/langrun.toml'),
      (error) => error instanceof LangrunError && error.message === 'cannot use /p/langrun.toml' && error.cause === cause,
    )
  })
}

/**
 * What a script's text says about its language, where an ending alone does not: only signs that no other claimant's programs have.
 *
 * A rule that could be wrong is worse than none: the user's default decides what these leave open.
 */

interface Sign {
  readonly language: string
  readonly pattern: RegExp
}

/** By ending; the first sign that is found decides. */
const SIGNS: Readonly<Record<string, readonly Sign[]>> = {
  lisp: lispSigns(),
  lsp: lispSigns(),
  cl: [...lispSigns(), { language: 'opencl', pattern: /^\s*(__)?kernel\s+void\b/m }],
  pl: [
    { language: 'perl', pattern: /^\s*(use\s+(strict|warnings|utf8|v?5)|package\s+[\w:]+\s*;|my\s+[$@%]\w+|sub\s+\w+\s*\{)/m },
    { language: 'prolog', pattern: /^\s*:-\s*(module|use_module|initialization|dynamic|set_prolog_flag|discontiguous)\b/m },
    { language: 'prolog', pattern: /^[a-z]\w*(\([^()]*\))?\s*:-\s*$/m },
  ],
  pro: [
    { language: 'prolog', pattern: /^\s*:-\s*\w+/m },
    { language: 'gdl', pattern: /^\s*(pro|function)\s+\w+\s*(,|$)/im },
  ],
  m: [
    { language: 'objc', pattern: /^\s*(#import\b|@(interface|implementation|protocol|import)\b)/m },
    { language: 'mercury', pattern: /^\s*:-\s*module\s+\w+/m },
    { language: 'octave', pattern: /^\s*(function\b.*[=(]|printf\s*\(|disp\s*\(|end(function|if|for|while)\b|%)/m },
  ],
  v: [
    { language: 'verilog', pattern: /^\s*(module\s+\w+\s*(#?\(|;)|`timescale\b|endmodule\b)/m },
    { language: 'coq', pattern: /^\s*(Theorem|Lemma|Definition|Inductive|Require\s+Import|Proof)\b/m },
    { language: 'v', pattern: /^\s*(fn\s+\w+\s*\(|module\s+main\s*$)/m },
  ],
  fs: [
    { language: 'fsharp', pattern: /^\s*(open\s+[A-Z]\w*|let\s+(rec\s+)?\w+|module\s+\w+|printfn\b)/m },
    { language: 'forth', pattern: /^\s*:\s+\S+\s.*;\s*$/m },
  ],
  d: [
    { language: 'd', pattern: /^\s*(import\s+std\b|void\s+main\s*\(|module\s+[\w.]+\s*;)/m },
    { language: 'dtrace', pattern: /^\s*#pragma\s+D\s+option\b/m },
  ],
  r: [
    { language: 'rebol', pattern: /^\s*REBOL\s*\[/im },
    { language: 'r', pattern: /(<-|\blibrary\s*\(|\bfunction\s*\()/ },
  ],
}

/** The language that the text is clearly written in, by name, or undefined. @param extension without the dot */
export function recognize(extension: string, text: string): string | undefined {
  return SIGNS[extension]?.find(({ pattern }) => pattern.test(text))?.language
}

/** Each implementation's own packages; portable programs have none of them. */
function lispSigns(): Sign[] {
  return [
    { language: 'sbcl', pattern: /(\(|\s|')sb-(ext|sys|thread|posix|alien|bsd-sockets|int|kernel)::?[\w*+-]/i },
    { language: 'clisp', pattern: /(\(|\s|')(ext|clos|ffi|socket|posix|regexp|custom)::?\*?[a-z]/i },
  ]
}

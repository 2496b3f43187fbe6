/** The command line of `langrun binfmt`. */

import type { Command } from 'commander'
import { bind } from './bind.ts'
import { addEntry, listAll, removeEntry, showEntry, switchEntry } from './binfmt.ts'
import type { Context } from './context.ts'

export interface Grammar {
  add(parent: Command, usage: string, description: string): Command
  of(command: Command): Context
  ofWriter(command: Command): Context
}

export function addBinfmtCommands(program: Command, { add, of, ofWriter }: Grammar): void {
  const binfmt = program
    .command('binfmt')
    .description("single entries of the kernel's registry, of any software: any format to any interpreter")
    .exitOverride()
  add(binfmt, 'add <name>', 'register a format (as root): langrun binfmt add golang --extension go --interpreter /usr/local/bin/gorun')
    .option('--extension <ending>', 'files whose names end in it; case matters')
    .option('--magic <bytes>', 'files that begin with it: 7f454c46, 0x7f45, \\x7fELF, or text')
    .option('--mask <bytes>', 'the bits of the magic that count; as long as the magic')
    .option('--offset <n>', 'where the magic is, if not at the start')
    .requiredOption('--interpreter <path>', 'what is started with the file as its argument')
    .option('--flags <letters>', FLAGS)
    .option('--persist', 'also after each boot')
    .option('--replace', 'in place of an entry of the same name')
    .option('--force', 'although it matches every program or script of this machine')
    .action((name, options, command) => addEntry(ofWriter(command), name, options))
  add(
    binfmt,
    'bind <language>',
    'run files that begin with a magic with a language (as root): langrun binfmt bind python --magic "#5318008"',
  )
    .requiredOption('--magic <bytes>', 'as for add; a comment of that language')
    .option('--no-persist', 'until the next boot')
    .action((name, options, command) => bind(ofWriter(command), name, options))
  add(binfmt, 'remove <name>', 'remove an entry, now and after each boot (as root)')
    .option('--force', 'although other software registered it')
    .action((name, options, command) => removeEntry(of(command), name, options))
  add(binfmt, 'list', 'list all entries in the order in which the kernel asks them').action((_options, command) => listAll(of(command)))
  add(binfmt, 'show <name>', 'show an entry, the line that registers it, and who does so at boot').action((name, _options, command) =>
    showEntry(of(command), name),
  )
  add(binfmt, 'enable [name]', 'let an entry take files again; without a name: all of them, the whole mechanism (as root)').action(
    (name, _options, command) => switchEntry(of(command), name, 'enabled'),
  )
  add(binfmt, 'disable [name]', 'switch an entry off; without a name: all of them, the whole mechanism (as root)').action(
    (name, _options, command) => switchEntry(of(command), name, 'disabled'),
  )
}

const FLAGS =
  'P: argv[0] is kept as an argument. O: the file arrives open. F: the interpreter is opened now, and serves chroots and containers. ' +
  'C: credentials are those of the file (dangerous)'

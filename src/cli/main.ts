/** The program: parse the command line, build the context, call the command, show what came of it. */

import { existsSync, realpathSync } from 'node:fs'
import { isSea } from 'node:sea'
import { Command, CommanderError, Option } from 'commander'
import { exitStatus, LangrunError, render, renderLine } from '../base/error.ts'
import type { Progress } from '../base/progress.ts'
import { parseCatalogue } from '../catalogue/catalogue.ts'
import { addArch, listArch, removeArch } from './arch.ts'
import { loadAssets } from './assets.ts'
import { addBinfmtCommands } from './binfmt-command.ts'
import { cache } from './cache.ts'
import type { Context } from './context.ts'
import { doctor } from './doctor.ts'
import { install, setDefault, uninstall } from './install.ts'
import { info, list } from './list.ts'
import { barProgress, jsonProgress, lineProgress } from './output.ts'
import { prepare } from './prepare.ts'
import { register, unregister } from './register.ts'
import { exec, repl, run } from './run.ts'
import { readSettings } from './settings.ts'
import { HOOK, shell } from './shell.ts'
import { status } from './status.ts'
import { why } from './why.ts'

export async function main(argv: readonly string[]): Promise<number> {
  let isJson = false
  try {
    const program = makeProgram((json) => {
      isJson = json
      return makeContext(json)
    })
    // `#!/usr/bin/env langrun` gives the script's path where a command would be.
    const words = isScript(program, argv[0]) ? ['run', ...argv] : argv
    await program.parseAsync(words, { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (argv[0] === 'prepare' && error instanceof LangrunError) return failToStart(error)
    complain(error, isJson)
    return exitStatus(error)
  }
}

function isScript(program: Command, word: string | undefined): boolean {
  if (word === undefined || word.startsWith('-') || program.commands.some((command) => command.name() === word)) return false
  return existsSync(word)
}

function makeProgram(contextFor: (json: boolean) => Context): Command {
  const program = new Command('langrun')
    .description('Run a script of any language by dot-slash: ./foo.lisp starts in a rootless container that holds the interpreter.')
    .version(loadAssets().version)
    .exitOverride()
    .enablePositionalOptions()
    .configureHelp({ showGlobalOptions: false })
  const addTo = (parent: Command, usage: string, description: string): Command =>
    parent.command(usage).description(description).option('--json', 'answer with one JSON document').exitOverride()
  const add = (usage: string, description: string): Command => addTo(program, usage, description)
  const of = (command: Command): Context => contextFor(command.opts()['json'] === true)
  /** For commands that write into a store: everybody can read what root installs, whatever root's umask. */
  const ofWriter = (command: Command): Context => {
    process.umask(0o022)
    return of(command)
  }

  add('install <language...>', 'install languages for yourself, or for everyone with --system')
    .option('--system', 'for every user of this machine (as root)')
    .option('--mirror <url>', 'the Debian mirror to use')
    .option('--arch <architecture>', 'emulated, as NAME-ARCHITECTURE: langrun install --arch arm64 python')
    .action((names, options, command) => install(ofWriter(command), names, options))
  add('uninstall <language...>', 'remove languages, and the images that nothing else needs')
    .option('--system', 'from the store for every user (as root)')
    .action((names, options, command) => uninstall(ofWriter(command), names, options))
  add('list', 'list what is installed')
    .option('--all', 'list every language that could be installed')
    .action((options, command) => list(of(command), options))
  add('info <language>', 'tell all about a language').action((name, _options, command) => info(of(command), name))
  add('run <file> [argument...]', 'run a script, whatever its permissions and registration')
    .passThroughOptions()
    .option('--language <name>', 'do not go by the ending of its name')
    .addOption(profileOption())
    .action(async (file, args, options, command) => {
      process.exitCode = await run(of(command), file, args, options)
    })
  add('exec <language> [program] [argument...]', "run a program of a language's image: langrun exec clisp -- clisp --version")
    .passThroughOptions()
    .action((name, programName, args, _options, command) => exec(of(command), name, words(programName, args)))
  add('repl <language>', 'start the interactive interpreter').action((name, _options, command) => repl(of(command), name))
  add('default <ending> <language>', 'choose who runs an ending that several languages can: langrun default .lisp sbcl')
    .option('--system', 'for every user (as root)')
    .action((ending, name, options, command) => setDefault(ofWriter(command), ending, name, options))
  add('register', 'make every language dot-slash for every user of this machine, now and after each boot (as root)')
    .option('--all', 'the whole catalogue, whose languages install themselves at their first use: the default')
    .option('--no-persist', 'until the next boot')
    .option('--heal', 'only register again what other software removed')
    .option('--watch', 'heal whenever that happens, until interrupted')
    .option('--keep', 'also have systemd or cron heal it, once a minute')
    .action((options, command) => register(ofWriter(command), options))
  add('unregister', 'take that back (as root)').action((_options, command) => unregister(ofWriter(command)))
  add('status', 'show which endings are registered, and who runs them').action((_options, command) => status(of(command)))
  add(
    'shell [program] [argument...]',
    'a shell in which scripts of every language are dot-slash, without root: langrun shell -- ./foo.lisp',
  )
    .passThroughOptions()
    .option('--hook', 'print the lines that make every login shell such a one')
    .addHelpText('after', SHELL_LIMITS)
    .action((name, args, options, command) => {
      if (options.hook) process.stdout.write(HOOK)
      else shell(of(command), words(name, args))
    })
  const arch = program.command('arch').description('run programs of foreign architectures: langrun arch add arm64').exitOverride()
  addTo(arch, 'add [architecture...]', 'add emulators and C libraries; as root for every user, else for your langrun shell')
    .option('--all', 'every architecture, also without a name')
    .option('--mirror <url>', 'the Debian mirror to use')
    .action((names, options, command) => addArch(ofWriter(command), names, options))
  addTo(arch, 'remove [architecture...]', 'remove them')
    .option('--all', 'every architecture, also without a name')
    .action((names, options, command) => removeArch(ofWriter(command), names, options))
  addTo(arch, 'list', 'show which architectures were added').action((_options, command) => listArch(of(command)))
  add('cache', 'show what is kept for scripts: compiled programs, choices')
    .option('--clear', 'remove it, and all downloads')
    .action((options, command) => cache(of(command), options))
  addBinfmtCommands(program, { add: addTo, of, ofWriter })
  add('why <file>', 'tell what would run a file and what it would see, without running it').action((file, _options, command) =>
    why(of(command), file),
  )
  add('doctor', 'tell what this host can do, what is missing, and how to mend it').action((_options, command) => {
    process.exitCode = doctor(of(command)) ? 0 : 1
  })
  program
    .command('prepare', { hidden: true })
    .requiredOption('--plan-fd <n>')
    .requiredOption('--language <name>')
    .requiredOption('--profile <name>')
    .option('--script <path>')
    .option('--cwd <path>')
    .option('--bound')
    .action(async (options) => {
      process.exitCode = await prepare(contextFor(false), options)
    })
  return program
}

const SHELL_LIMITS = `
It is your own shell, with your files, terminal and history, in a user namespace of its own (Linux 6.7 or later). What is installed later
is dot-slash in it at once; in a folder with a langrun.toml it offers just the languages named there. Set-uid programs (sudo, su, ping on
some systems) have no effect inside, and files of other users show as nobody's.`

/** A program and its arguments; a `--` that sets them off is no part of them. */
function words(program: string | undefined, args: readonly string[]): string[] {
  if (program === '--') return [...args]
  return program === undefined ? [] : [program, ...args]
}

function profileOption(): Option {
  return new Option('--profile <name>', 'how much of the host the script sees')
}

function makeContext(isJson: boolean): Context {
  const assets = loadAssets()
  const settings = readSettings(process.env, process.geteuid?.() ?? 0)
  return {
    settings,
    assets,
    catalogue: parseCatalogue(assets.recipes, settings.config.recipes),
    progress: makeProgress(isJson),
    executable: isSea() ? process.execPath : realpathSync(process.argv[1] ?? ''),
    answer: (value, text) => void process.stdout.write(isJson ? `${JSON.stringify(value, null, 2)}\n` : text),
    remark: (text) => void (isJson || process.stderr.write(`${text}\n`)),
  }
}

function makeProgress(isJson: boolean): Progress {
  const { stderr } = process
  const write = (text: string): void => void stderr.write(text)
  if (isJson) return jsonProgress(write)
  if (!stderr.isTTY) return lineProgress(write)
  return barProgress({ isTerminal: true, columns: stderr.columns || 80, write })
}

/** In place of the launcher, and as the launcher would: one line, 127 for what is not there, 125 for all else. */
function failToStart(error: LangrunError): number {
  process.stderr.write(`${renderLine(error)}\n`)
  return exitStatus(error) === 127 ? 127 : 125
}

function complain(error: unknown, isJson: boolean): void {
  if (isJson && error instanceof LangrunError) {
    const cause = error.cause instanceof Error ? error.cause.message : error.cause
    process.stderr.write(`${JSON.stringify({ error: { code: error.code, message: error.message, cause, hint: error.hint } })}\n`)
    return
  }
  process.stderr.write(`${render(error)}\n`)
  if (error instanceof LangrunError) return
  const stack = error instanceof Error ? error.stack : String(error)
  process.stderr.write(`${stack}\nThis is a bug in langrun ${loadAssets().version}: please report it with the lines above.\n`)
}

process.exitCode = await main(process.argv.slice(2))

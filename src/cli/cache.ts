/** `cache`: what is kept for scripts; `cache --clear` empties it, and downloads and indexes with it. */

import { join } from 'node:path'
import { removeTree } from '../base/files.ts'
import { listEntries, removeEntry } from '../run/script-cache.ts'
import { names } from '../store/store.ts'
import type { Context } from './context.ts'
import { megabytes, table } from './output.ts'

export function cache(context: Context, { clear }: { readonly clear?: boolean }): void {
  const { cache: folder, config } = context.settings
  const entries = listEntries(folder)
  const total = entries.reduce((sum, { size }) => sum + size, 0)
  if (clear) {
    for (const { key } of entries) removeEntry(folder, key)
    for (const name of names(folder)) removeTree(join(folder, name))
    context.answer(
      { cleared: entries.length, size: total },
      `cleared ${folder}: ${entries.length} scripts (${megabytes(total)}) and all downloads\n`,
    )
    return
  }
  const rows = entries.map(({ key, size, used }) => ({ key, size, used: new Date(used).toISOString() }))
  const text = table(rows.map(({ key, size, used }) => [key.slice(0, -52), megabytes(size), used.slice(0, 16).replace('T', ' ')]))
  const value = { folder, size: total, limit: config.cacheSize, scripts: rows }
  context.answer(value, `${text}${entries.length} scripts, ${megabytes(total)} of at most ${megabytes(config.cacheSize)} in ${folder}\n`)
}

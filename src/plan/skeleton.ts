/**
 * A plan's root, made ahead: its folders, its links, and an empty file or folder wherever something is mounted on it. The launcher then
 * mounts this instead of making all that anew at each start (0.1 ms), or makes it anew if this is missing or does not fit.
 *
 * Read-only while it is in use, equal for all languages that need the same; `<store>/roots/<digest>`.
 */

import { chmodSync, lstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { sha256 } from '../base/digest.ts'
import { linkTarget } from '../base/files.ts'
import type { Store } from '../store/store.ts'
import { commit, discard, stage } from '../store/transaction.ts'
import { destination, type Step } from './format.ts'

/** What is at a path: a folder, an empty file, or a link. */
type Entry = { readonly kind: 'folder' | 'file' } | { readonly kind: 'link'; readonly target: string }
type Skeleton = ReadonlyMap<string, Entry>

/** The same plan on a skeleton in `store`, which is made or mended if need be. Only for who holds the store's lock. */
export function onSkeleton(store: Store, steps: readonly Step[], host = '/'): Step[] {
  const skeleton = skeletonOf(steps, host)
  if (skeleton === undefined) return [...steps]
  const path = placeOf(store, skeleton)
  if (!isWhole(path, skeleton)) {
    discard(store, path)
    const staged = stage(store, 'root')
    for (const [name, entry] of skeleton) makeEntry(join(staged, name), entry)
    commit(staged, path)
  }
  return naming(path, steps)
}

/** The same plan on a skeleton in `store` if there is one that fits. */
export function onFoundSkeleton(store: Store, steps: readonly Step[], host = '/'): Step[] {
  const skeleton = skeletonOf(steps, host)
  const path = skeleton && placeOf(store, skeleton)
  const isThere = path !== undefined && lstatSync(path, { throwIfNoEntry: false }) !== undefined
  return isThere ? naming(path, steps) : [...steps]
}

function naming(path: string, steps: readonly Step[]): Step[] {
  return withoutSkeleton(steps).flatMap((step): Step[] => (step[0] === 'root' ? [['skeleton', path], step] : [step]))
}

/** For a plan whose steps have changed. */
export function withoutSkeleton(steps: readonly Step[]): Step[] {
  return steps.filter(([operation]) => operation !== 'skeleton')
}

function placeOf(store: Store, skeleton: Skeleton): string {
  return join(store.path, 'roots', sha256(Buffer.from(JSON.stringify([...skeleton].sort(([a], [b]) => (a < b ? -1 : 1))))))
}

/** What the steps need in the root itself, parents first; undefined if they make none, or cover it. */
function skeletonOf(steps: readonly Step[], host: string): Skeleton | undefined {
  const skeleton = new Map<string, Entry>()
  const mounted = new Set<string>()
  const rootfs = steps.find((step) => step[0] === 'image')?.[1] ?? '/'
  if (!steps.some((step) => step[0] === 'root')) return undefined
  for (const step of steps) {
    const path = destination(step)
    if (path === undefined) continue
    if (path === '/') return undefined
    const parents = ancestors(path)
    const entry = entryOf(step, rootfs, host)
    // What lies in something that is mounted is not in the root, and what the host does not have may never be needed.
    if (entry === undefined || parents.some((parent) => mounted.has(parent))) continue
    for (const parent of parents) if (!skeleton.has(parent)) skeleton.set(parent, { kind: 'folder' })
    if (!skeleton.has(path)) skeleton.set(path, entry)
    if (step[0] !== 'dir' && step[0] !== 'link') mounted.add(path)
  }
  return skeleton
}

function entryOf(step: Step, rootfs: string, host: string): Entry | undefined {
  switch (step[0]) {
    case 'link':
      return { kind: 'link', target: step[1] }
    case 'host':
    case 'bind':
      return mountPoint(join(host, step[1]))
    case 'from-image':
      return mountPoint(join(rootfs, step[1]))
    default:
      return { kind: 'folder' }
  }
}

function mountPoint(source: string): Entry | undefined {
  try {
    return { kind: statSync(source).isDirectory() ? 'folder' : 'file' }
  } catch {
    return undefined
  }
}

/** With modes of its own, whatever the umask. */
function makeEntry(path: string, entry: Entry): void {
  if (entry.kind === 'link') {
    symlinkSync(entry.target, path)
    return
  }
  if (entry.kind === 'folder') mkdirSync(path)
  else writeFileSync(path, '')
  chmodSync(path, entry.kind === 'folder' ? 0o755 : 0o644)
}

function isWhole(path: string, skeleton: Skeleton): boolean {
  return [['', { kind: 'folder' }] as const, ...skeleton].every(([name, entry]) => isEntry(join(path, name), entry))
}

function isEntry(path: string, entry: Entry): boolean {
  if (entry.kind === 'link') return linkTarget(path) === entry.target
  const info = lstatSync(path, { throwIfNoEntry: false })
  const isKind = entry.kind === 'folder' ? info?.isDirectory() : info?.isFile()
  return isKind === true && (info!.mode & 0o022) === 0
}

/** `/var/lib/x` → `/var`, `/var/lib`. */
function ancestors(path: string): string[] {
  const above = dirname(path)
  return above === '/' ? [] : [...ancestors(above), above]
}

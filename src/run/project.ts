/** The settings that hold for a folder: those of the nearest `langrun.toml`, from the folder itself upwards. */

import { lstatSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PROJECT_FILE, type Project, parseProject } from '../catalogue/project.ts'

export interface FoundProject {
  readonly path: string
  readonly project: Project
}

/** Every place where a project file may be, the nearest first. */
export function projectPlaces(folder: string): string[] {
  const places: string[] = []
  for (let at = folder; ; at = dirname(at)) {
    places.push(join(at, PROJECT_FILE))
    if (at === dirname(at)) return places
  }
}

/**
 * The nearest project file, if it is the user's own or root's: in a folder that others may write to, theirs decide nothing.
 *
 * @throws LangrunError `usage` if it is wrong
 */
export function findProject(folder: string): FoundProject | undefined {
  for (const path of projectPlaces(folder)) {
    if (!isOurs(path)) continue
    return { path, project: parseProject(readFileSync(path, 'utf8'), path) }
  }
  return undefined
}

/** A file of the user's or of root's; one that cannot be looked at, in a folder closed to the user, is not. */
function isOurs(path: string): boolean {
  try {
    const info = lstatSync(path)
    return info.isFile() && (info.uid === process.geteuid?.() || info.uid === 0)
  } catch {
    return false
  }
}

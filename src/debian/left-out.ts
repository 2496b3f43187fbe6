/** What is not unpacked, and why. Paths as they are in the package, after the merge of `/usr`. */

export interface Rule {
  readonly path: string
  readonly why: string
}

/** Each with all that is below it. About a quarter of an image's bytes and a third of its files. */
export const LEFT_OUT: readonly Rule[] = [
  { path: 'usr/share/doc', why: 'documentation; the licences are in the archive, under the name and version of the package' },
  { path: 'usr/share/man', why: 'manual pages: nobody logs in' },
  { path: 'usr/share/info', why: 'manuals' },
  { path: 'usr/share/gtk-doc', why: 'manuals' },
  { path: 'usr/share/doc-base', why: 'an index of manuals' },
  { path: 'usr/share/help', why: 'manuals' },
  { path: 'usr/share/locale', why: "translated messages: scripts' output must not depend on what was installed" },
  { path: 'usr/share/lintian', why: "the packagers' checks" },
  { path: 'usr/share/linda', why: "the packagers' checks" },
  { path: 'usr/share/bug', why: 'how to report bugs to Debian' },
  { path: 'usr/share/apport', why: 'how to report bugs to Ubuntu' },
  { path: 'usr/share/menu', why: 'desktop menus' },
  { path: 'usr/share/pixmaps', why: 'desktop menus' },
  { path: 'usr/share/icons', why: 'desktop menus' },
  { path: 'usr/share/bash-completion/completions', why: 'for interactive shells' },
  { path: 'usr/share/zsh/vendor-completions', why: 'for interactive shells; the rest of the folder is zsh itself' },
  { path: 'usr/share/fish/vendor_completions.d', why: 'for interactive shells; the rest of the folder is fish itself' },
  { path: 'usr/lib/systemd', why: 'services: there is no init' },
  { path: 'etc/init.d', why: 'services: there is no init' },
  { path: 'etc/cron.daily', why: 'jobs: there is no cron' },
  { path: 'etc/cron.weekly', why: 'jobs: there is no cron' },
  { path: 'etc/cron.d', why: 'jobs: there is no cron' },
]

/** Kept though they are below what is left out. */
export const KEPT: readonly Rule[] = [
  { path: 'usr/share/locale/C', why: 'the locale that scripts run in' },
  { path: 'usr/share/locale/C.utf8', why: 'the locale that scripts run in' },
  { path: 'usr/share/locale/locale.alias', why: "the C library's table of names" },
]

export function isLeftOut(path: string): boolean {
  return LEFT_OUT.some((rule) => covers(rule, path)) && !KEPT.some((rule) => covers(rule, path))
}

function covers({ path: above }: Rule, path: string): boolean {
  return path.startsWith(above) && (path.length === above.length || path[above.length] === '/')
}

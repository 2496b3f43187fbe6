import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { compareVersions } from '../../src/debian/version.ts'

const ORDERED = [
  '~~', '~~a', '~', '0', '0-0.1', '0.1', '1.0~~', '1.0~beta1~svn1', '1.0~beta1', '1.0~rc1', '1.0', '1.0-1~bpo12+1', '1.0-1', '1.0-1+b1',
  '1.0-1+deb13u1', '1.0-1.1', '1.0-2', '1.0-10', '1.0a', '1.0+dfsg-1', '1.0.', '1.0.1', '1.2', '1.10', '2', '1:0', '1:1', '2:0',
] // biome-ignore format: one list

test('versions sort as policy says', () => {
  assert.deepEqual(
    ORDERED.toSorted(() => 0)
      .reverse()
      .sort(compareVersions),
    ORDERED,
  )
  assert.equal(compareVersions('1.0', '0:1.0'), 0)
  assert.equal(compareVersions('1.0', '1.0-0'), 0)
  assert.equal(compareVersions('1.01', '1.1'), 0)
})

test('versions sort as dpkg sorts them', (t) => {
  if (spawnSync('dpkg', ['--version']).status !== 0) {
    assert.notEqual(process.env['LANGRUN_MUST_WORK'], '1', 'dpkg is missing')
    t.skip('dpkg is not installed')
    return
  }
  const pairs = [...ORDERED.slice(3).flatMap((a) => ORDERED.slice(3).map((b) => [a, b] as const)), ...generated(400)]
  const script = pairs.map(
    ([a, b]) =>
      `dpkg --compare-versions '${a}' lt '${b}' && echo lt || { dpkg --compare-versions '${a}' gt '${b}' && echo gt || echo eq; }`,
  )
  const said = spawnSync('sh', { input: script.join('\n'), encoding: 'utf8' })
    .stdout.trim()
    .split('\n')
  const ours = pairs.map(([a, b]) => ['lt', 'eq', 'gt'][Math.sign(compareVersions(a, b)) + 1])
  assert.deepEqual(
    pairs.map((pair, i) => [...pair, ours[i]]),
    pairs.map((pair, i) => [...pair, said[i]]),
  )
})

/** The same at every run: a linear congruential generator. */
function generated(count: number): (readonly [string, string])[] {
  let state = 42
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 16) % below
  }
  const part = () => Array.from({ length: 1 + random(5) }, () => ['0', '1', '9', '10', 'a', 'Z', '.', '+', '~', '00'][random(10)]).join('')
  const version = () => `${random(4) === 0 ? `${random(3)}:` : ''}${random(10)}${part()}${random(2) ? `-${part()}` : ''}`
  return Array.from({ length: count }, () => {
    const a = version()
    return [a, random(3) === 0 ? a + part() : version()] as const
  })
}

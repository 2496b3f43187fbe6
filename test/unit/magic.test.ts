/** Magic numbers of foreign architectures, and the lines that register them. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { magicLine, parseEntry } from '../../src/binfmt/registry.ts'
import { foreignArchitectures, parseArchitecture } from '../../src/catalogue/architecture.ts'
import { hasMagic } from '../../src/catalogue/magic.ts'

/** As Debian 13's qemu-user has them in usr/share/qemu/binfmt.d, each to its flags. */
const DEBIAN: Readonly<Record<string, string>> = {
  amd64: String.raw`:qemu-x86_64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00:\xff\xff\xff\xff\xff\xfe\xfe\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/libexec/qemu-binfmt/x86_64-binfmt-P:OPF`,
  arm64: String.raw`:qemu-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/libexec/qemu-binfmt/aarch64-binfmt-P:OPF`,
  armhf: String.raw`:qemu-arm:M::\x7f\x45\x4c\x46\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/libexec/qemu-binfmt/arm-binfmt-P:OPF`,
  i386: String.raw`:qemu-i386:M::\x7f\x45\x4c\x46\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x03\x00:\xff\xff\xff\xff\xff\xfe\xfe\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/libexec/qemu-binfmt/i386-binfmt-P:OPF`,
  ppc64el: String.raw`:qemu-ppc64le:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x15\x00:\xff\xff\xff\xff\xff\xff\xff\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\x00:/usr/libexec/qemu-binfmt/ppc64le-binfmt-P:OPF`,
  riscv64: String.raw`:qemu-riscv64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/libexec/qemu-binfmt/riscv64-binfmt-P:OPF`,
  s390x: String.raw`:qemu-s390x:M::\x7f\x45\x4c\x46\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16:\xff\xff\xff\xff\xff\xff\xff\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff:/usr/libexec/qemu-binfmt/s390x-binfmt-P:OPF`,
}

/** The first 20 bytes of an ELF file. */
const header = ({ bits = 64, big = false, abi = 0, type = 2, machine = 62 }): Buffer => {
  const bytes = Buffer.alloc(20)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, bits / 32, big ? 2 : 1, 1, abi])
  bytes[big ? 'writeUInt16BE' : 'writeUInt16LE'](type, 16)
  bytes[big ? 'writeUInt16BE' : 'writeUInt16LE'](machine, 18)
  return bytes
}

suite('the magic of an architecture', () => {
  for (const [name, line] of Object.entries(DEBIAN)) {
    test(`${name}: the line is Debian's own, but for the offset, which is written out`, () => {
      const { magic, qemu } = parseArchitecture(name)
      const ours = magicLine(`qemu-${qemu}`, magic, `/usr/libexec/qemu-binfmt/${qemu}-binfmt-P`, 'OPF')
      assert.equal(ours.replace(':M:0:', ':M::'), line)
    })
  }

  test('is that of its programs alone, static or not, of any usual OS ABI', () => {
    const machines = { amd64: {}, arm64: { machine: 183 }, armhf: { bits: 32, machine: 40 }, i386: { bits: 32, machine: 3 } }
    const more = { ppc64el: { machine: 21 }, riscv64: { machine: 243 }, s390x: { machine: 22, big: true } }
    const all = Object.entries({ ...machines, ...more })
    for (const [name, fields] of all) {
      for (const form of [{ type: 2 }, { type: 3 }, { abi: 3 }]) {
        const bytes = header({ ...fields, ...form })
        assert.deepEqual(
          all.filter(([other]) => hasMagic(bytes, parseArchitecture(other).magic)).map(([other]) => other),
          [name],
        )
      }
      assert.ok(!hasMagic(header({ ...fields, type: 4 }), parseArchitecture(name).magic), 'a core dump is no program')
      assert.ok(!hasMagic(header(fields).subarray(0, 19), parseArchitecture(name).magic), 'nor is what is cut off')
    }
  })

  test('goes by many names', () => {
    const names = ['aarch64', 'x86_64', 'armv7l', 'ppc64le', '386', 'riscv64']
    assert.deepEqual(
      names.map((name) => parseArchitecture(name).name),
      ['arm64', 'amd64', 'armhf', 'ppc64el', 'i386', 'riscv64'],
    )
    assert.deepEqual(
      foreignArchitectures('arm64').map(({ name }) => name),
      ['amd64', 'armhf', 'i386', 'ppc64el', 'riscv64', 's390x'],
    )
    assert.throws(() => parseArchitecture('constructor'), /cannot emulate the architecture "constructor"/)
  })
})

suite('a line that registers a magic', () => {
  test('escapes every byte, the colon among them', () => {
    const line = magicLine('x', { offset: 4, magic: Buffer.from(':\n\\') }, '/bin/x')
    assert.equal(line, String.raw`:x:M:4:\x3a\x0a\x5c::/bin/x:POF`)
  })

  test('is refused for what the kernel would refuse', () => {
    const magic = { offset: 126, magic: Buffer.from('abc') }
    assert.throws(() => magicLine('x', magic, '/bin/x'), {
      message: 'cannot register x',
      cause: 'the kernel looks at the first 128 bytes of a file, and the magic ends at 129',
    })
    assert.throws(() => magicLine('a/b', { ...magic, offset: 0 }, '/bin/x'), /cannot register a\/b/)
    assert.throws(() => magicLine('x', { ...magic, offset: 0 }, `/${'y'.repeat(127)}`), /cannot register x/)
  })

  test('is what the kernel shows again', () => {
    const shown = 'enabled\ninterpreter /bin/x\nflags: POF\noffset 4\nmagic 3a0a\nmask ff00\n'
    const expected = {
      name: 'x',
      enabled: true,
      interpreter: '/bin/x',
      flags: 'POF',
      extension: undefined,
      offset: 4,
      magic: '3a0a',
      mask: 'ff00',
    }
    assert.deepEqual(parseEntry('x', shown), expected)
  })
})

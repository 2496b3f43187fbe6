/**
 * Magic numbers: bytes at a place near a file's start that tell its format, and how the kernel is told of them.
 *
 *     :name:M:offset:magic:mask:interpreter:flags        https://docs.kernel.org/admin-guide/binfmt-misc.html
 */

export interface Magic {
  readonly offset: number
  readonly magic: Uint8Array
  /** As long as the magic: only the bits set here are compared. Without one, all are. */
  readonly mask?: Uint8Array | undefined
}

/** The flags of an emulator's and a runner's entry. P: argv[0] is kept. O: the file arrives open. F: the interpreter is opened now. Never C. */
export const RUNNER_FLAGS = 'POF'

/** The line as the kernel's file `register` takes it; every byte of magic and mask as \xHH, which also escapes the colon. */
export function renderMagicLine(name: string, { offset, magic, mask }: Magic, interpreter: string, flags = RUNNER_FLAGS): string {
  return `:${name}:M:${offset}:${escaped(magic)}:${mask === undefined ? '' : escaped(mask)}:${interpreter}:${flags}`
}

function escaped(bytes: Uint8Array): string {
  return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}

/** Whether a file that starts with `bytes` has this magic. */
export function hasMagic(bytes: Uint8Array, { offset, magic, mask }: Magic): boolean {
  return magic.every((byte, index) => {
    const bits = mask?.[index] ?? 0xff
    return ((bytes[offset + index] ?? -1) & bits) === (byte & bits) && offset + index < bytes.length
  })
}

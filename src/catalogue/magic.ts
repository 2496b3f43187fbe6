/**
 * Magic numbers: bytes at a place near a file's start that tell its format, and how the kernel is told of them (`binfmt/definition.ts`).
 */

export interface Magic {
  readonly offset: number
  readonly magic: Uint8Array
  /** As long as the magic: only the bits set here are compared. Without one, all are. */
  readonly mask?: Uint8Array | undefined
}

/** The flags of an emulator's and a runner's entry. P: argv[0] is kept. O: the file arrives open. F: the interpreter is opened now. Never C. */
export const RUNNER_FLAGS = 'POF'

/** Every byte as \xHH, as the kernel's file `register` takes them: that also escapes the delimiter. */
export function renderBytes(bytes: Uint8Array): string {
  return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}

/** Whether a file that starts with `bytes` has this magic. */
export function hasMagic(bytes: Uint8Array, { offset, magic, mask }: Magic): boolean {
  return magic.every((byte, index) => {
    const bits = mask?.[index] ?? 0xff
    return ((bytes[offset + index] ?? -1) & bits) === (byte & bits) && offset + index < bytes.length
  })
}

/**
 * The one module that talks HTTP: GET with time-outs, bounded retries and redirects, proxies and certificates as on the host.
 *
 * node:http with a keep-alive agent, because fetch costs more per request and knows no proxy from the environment.
 */

import { readFileSync } from 'node:fs'
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { getCACertificates } from 'node:tls'
import { LangrunError } from './error.ts'

/** A server that sends nothing for this long has stalled; mirrors that wake a disk take a few seconds. */
const IDLE_MS = 20_000
/** Debian's mirror redirectors use one or two. */
const MAX_REDIRECTS = 5
/** Waits before another attempt: a lost packet mends at once, a restarting server in seconds. */
const RETRY_MS = [200, 1_000, 3_000]
/** What no answer that is held in memory may exceed (sid's package index is 15 MB). */
const MAX_BUFFER_BYTES = 256 * 1024 * 1024
/** More connections than this to one host is rude. */
const MAX_SOCKETS = 16

export interface Get {
  readonly headers?: Readonly<Record<string, string>>
  /** Ask for the bytes from this offset on; the answer's status is then 206, or 200 with all of them. */
  readonly from?: number
  readonly signal?: AbortSignal
}

export interface Response {
  readonly status: 200 | 206 | 304
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** After redirects. */
  readonly url: string
  /** Throws LangrunError `network` if the connection breaks or stalls, or fewer bytes come than were announced. */
  readonly body: AsyncIterable<Buffer>
}

export interface Whole {
  readonly status: 200 | 206 | 304
  readonly headers: Response['headers']
  readonly body: Buffer
}

export interface Http {
  /** @throws LangrunError `not-found` for 404 and 410, `network` for all else */
  get(url: string, request?: Get): Promise<Response>
  /** The whole answer, tried again if the connection breaks. @param onBytes is told of every piece; `undefined` when it starts anew */
  buffer(url: string, request?: Get & { readonly maxBytes?: number; onBytes?(bytes: Buffer | undefined): void }): Promise<Whole>
  /** Run `attempt` again, after a wait, while it fails with an error that another try may mend. */
  retry<T>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T>
  close(): void
}

export interface HttpOptions {
  /** Proxies (`http_proxy`, `https_proxy`, `no_proxy`) and certificates (`SSL_CERT_FILE`) come from here. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly idleMs?: number
  readonly retryMs?: readonly number[]
}

export function openHttp(options: HttpOptions): Http {
  const { env, idleMs = IDLE_MS, retryMs = RETRY_MS } = options
  const agentOptions = { keepAlive: true, maxSockets: MAX_SOCKETS, scheduling: 'lifo' as const, proxyEnv: { ...env } }
  const http = new HttpAgent(agentOptions)
  let https: HttpsAgent | undefined // made on first use: reading the system's certificates takes 20 ms

  async function retry<T>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (const wait of retryMs) {
      try {
        return await attempt()
      } catch (error) {
        if (!isTransient(error) || signal?.aborted) throw error
        await sleep(wait, undefined, signal ? { signal } : {}).catch(() => {
          throw error
        })
      }
    }
    return attempt()
  }

  async function getOnce(url: string, request: Get): Promise<Response> {
    let target = parseUrl(url, url)
    for (let redirects = 0; ; redirects++) {
      const secure = target.protocol === 'https:'
      if (secure) https ??= new HttpsAgent({ ...agentOptions, ca: certificates(env) })
      const answer = await send(target, request, secure ? https! : http, idleMs)
      const status = answer.statusCode ?? 0
      if (status === 200 || status === 206 || status === 304) {
        return { status, headers: answer.headers, url: target.href, body: bodyOf(answer, target.href) }
      }
      answer.resume()
      const location = answer.headers.location
      if (![301, 302, 303, 307, 308].includes(status) || location === undefined) throw refused(target.href, status, answer.statusMessage)
      if (redirects === MAX_REDIRECTS) {
        throw new LangrunError('network', `cannot fetch ${url}`, { cause: `more than ${MAX_REDIRECTS} redirects` })
      }
      const next = parseUrl(location, target.href)
      if (secure && next.protocol !== 'https:') {
        throw new LangrunError('network', `cannot fetch ${url}`, { cause: `redirected from https to ${next.href}` })
      }
      if (next.host !== target.host) request = withoutCredentials(request)
      target = next
    }
  }

  return {
    get: (url, request = {}) => retry(() => getOnce(url, request), request.signal),
    buffer: (url, request = {}) =>
      retry(async () => {
        const { maxBytes = MAX_BUFFER_BYTES, onBytes } = request
        const { status, headers, body } = await getOnce(url, request)
        onBytes?.(undefined)
        const pieces: Buffer[] = []
        let size = 0
        for await (const piece of body) {
          size += piece.length
          if (size > maxBytes) {
            throw new LangrunError('untrusted', `cannot accept what ${url} sends`, { cause: `more than the ${maxBytes} bytes it may have` })
          }
          pieces.push(piece)
          onBytes?.(piece)
        }
        return { status, headers, body: Buffer.concat(pieces, size) }
      }, request.signal),
    retry,
    close() {
      http.destroy()
      https?.destroy()
    },
  }
}

function send(url: URL, request: Get, agent: HttpAgent, idleMs: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string> = { 'user-agent': 'langrun', accept: '*/*', ...request.headers }
    if (request.from !== undefined && request.from > 0) headers['range'] = `bytes=${request.from}-`
    const start = url.protocol === 'https:' ? requestHttps : requestHttp
    const call = start(url, { agent, headers, timeout: idleMs, ...(request.signal && { signal: request.signal }) })
    let answer: IncomingMessage | undefined
    call.once('response', (response) => {
      answer = response
      resolve(response)
    })
    // The socket's time-out covers looking up, connecting, waiting for the answer, and the pauses within it.
    call.once('timeout', () => (answer ?? call).destroy(new Error(`the server sent nothing for ${idleMs / 1000} s`)))
    call.on('error', (error) => reject(unreachable(url.href, error)))
    call.end()
  })
}

async function* bodyOf(answer: IncomingMessage, url: string): AsyncIterable<Buffer> {
  const announced = answer.headers['content-length']
  let size = 0
  try {
    for await (const piece of answer as AsyncIterable<Buffer>) {
      size += piece.length
      yield piece
    }
  } catch (error) {
    throw new LangrunError('network', `cannot fetch all of ${url}`, {
      cause: new Error(`the connection broke after ${size}${announced ? ` of ${announced}` : ''} bytes`, { cause: error }),
      hint: 'try again: what has arrived is kept where it can be',
    })
  }
}

function parseUrl(url: string, base: string): URL {
  const parsed = URL.parse(url, base)
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    throw new LangrunError('network', `cannot fetch ${url.slice(0, 200)}`, { cause: 'only http and https addresses are supported' })
  }
  return parsed
}

/** @see https://nodejs.org/api/errors.html#common-system-errors */
function unreachable(url: string, error: Error): LangrunError {
  const code = 'code' in error ? String(error.code) : ''
  if (error.name === 'AbortError') return new LangrunError('interrupted', `cannot finish fetching ${url}`, { cause: error })
  const host = new URL(url).host
  const hint = /CERT|SSL|TLS/.test(code)
    ? 'if a proxy of your own answers for this host, name its certificates in SSL_CERT_FILE or NODE_EXTRA_CA_CERTS'
    : OFFLINE.has(code)
      ? `check that this machine is online and can look up ${host}; behind a proxy set http_proxy and https_proxy`
      : 'try again, or choose another mirror'
  return new LangrunError('network', `cannot reach ${url}`, { cause: error, hint })
}

/** Trying again within seconds does not mend these. */
const OFFLINE = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH'])

function refused(url: string, status: number, reason: string | undefined): LangrunError {
  const cause = new HttpStatus(status, reason)
  if (status === 404 || status === 410) return new LangrunError('not-found', `cannot find ${url}`, { cause })
  return new LangrunError('network', `cannot fetch ${url}`, { cause, hint: 'try again later, or choose another mirror' })
}

class HttpStatus extends Error {
  readonly status: number
  constructor(status: number, reason: string | undefined) {
    super(`the server answered ${status} ${reason ?? ''}`.trim())
    this.status = status
  }
}

/** The status that the server refused with, if that is why `error` came. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof LangrunError && error.cause instanceof HttpStatus ? error.cause.status : undefined
}

function isTransient(error: unknown): boolean {
  if (!(error instanceof LangrunError) || error.code !== 'network') return false
  const { cause } = error
  if (cause instanceof HttpStatus) return cause.status >= 500 || cause.status === 429 || cause.status === 408
  if (!(cause instanceof Error)) return false
  const code = 'code' in cause ? String(cause.code) : ''
  return !OFFLINE.has(code) && !/CERT|SSL|TLS|UNABLE_TO/.test(code)
}

function withoutCredentials(request: Get): Get {
  const headers = Object.entries(request.headers ?? {}).filter(([name]) => !/^(authorization|cookie)$/i.test(name))
  return { ...request, headers: Object.fromEntries(headers) }
}

/** Node's own, the system's, and those that the environment names (Node itself adds NODE_EXTRA_CA_CERTS). */
function certificates(env: HttpOptions['env']): string[] {
  const found = new Set([...getCACertificates('bundled'), ...getCACertificates('system'), ...getCACertificates('extra')])
  const named = env['SSL_CERT_FILE']
  if (named) {
    try {
      for (const pem of readFileSync(named, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [])
        found.add(pem)
    } catch (error) {
      throw new LangrunError('usage', 'cannot read the certificates that SSL_CERT_FILE names', { cause: error })
    }
  }
  return [...found]
}

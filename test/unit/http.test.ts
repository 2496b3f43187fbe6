import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { render } from '../../src/base/error.ts'
import { openHttp } from '../../src/base/http.ts'

async function serve(listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function client(options: Partial<Parameters<typeof openHttp>[0]> = {}) {
  const http = openHttp({ env: {}, retryMs: [1, 1], idleMs: 200, ...options })
  return Object.assign(http, { [Symbol.dispose]: http.close })
}

async function complaint(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail('it succeeded'),
    (thrown: unknown) => thrown,
  )
  return render(error).replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')
}

test('a server that fails twice is asked a third time', async () => {
  let asked = 0
  await using server = await serve((_, response) => (++asked < 3 ? response.writeHead(503).end() : response.end('here')))
  using http = client()
  assert.equal(String((await http.buffer(server.url)).body), 'here')
  assert.equal(asked, 3)
})

test('a server that goes on failing is told of', async () => {
  await using server = await serve((_, response) => response.writeHead(503).end())
  using http = client()
  assert.equal(
    await complaint(http.buffer(`${server.url}/a`)),
    `langrun: cannot fetch http://HOST/a
  because: the server answered 503 Service Unavailable
  hint: try again later, or choose another mirror`,
  )
})

test('what is not there is not asked for again', async () => {
  let asked = 0
  await using server = await serve((_, response) => {
    asked++
    response.writeHead(404).end()
  })
  using http = client()
  assert.equal(
    await complaint(http.get(`${server.url}/a`)),
    'langrun: cannot find http://HOST/a\n  because: the server answered 404 Not Found',
  )
  assert.equal(asked, 1)
})

test('a server that never answers has stalled', async () => {
  await using server = await serve(() => {})
  using http = client({ retryMs: [] })
  assert.equal(
    await complaint(http.get(server.url)),
    `langrun: cannot reach http://HOST/
  because: the server sent nothing for 0.2 s
  hint: try again, or choose another mirror`,
  )
})

test('a server that stops in the middle has stalled', async () => {
  await using server = await serve((_, response) => void response.writeHead(200, { 'content-length': 10 }).write('half'))
  using http = client({ retryMs: [] })
  assert.equal(
    await complaint(http.buffer(server.url)),
    `langrun: cannot fetch all of http://HOST/
  because: the connection broke after 4 of 10 bytes
  because: the server sent nothing for 0.2 s
  hint: try again: what has arrived is kept where it can be`,
  )
})

test('a slow server that keeps sending is waited for', async () => {
  await using server = await serve(async (_, response) => {
    for (let i = 0; i < 5; i++) {
      response.write('.')
      await new Promise((resolve) => setTimeout(resolve, 80))
    }
    response.end()
  })
  using http = client()
  assert.equal(String((await http.buffer(server.url)).body), '.....')
})

test('an answer in memory has a limit', async () => {
  await using server = await serve((_, response) => response.end(Buffer.alloc(1000)))
  using http = client()
  const said = await complaint(http.buffer(server.url, { maxBytes: 999 }))
  assert.equal(said, `langrun: cannot accept what http://HOST sends\n  because: more than the 999 bytes it may have`)
})

test('redirects are followed, but not for ever and not to other schemes', async () => {
  await using server = await serve((request, response) => {
    const targets: Record<string, string> = { '/once': '/here', '/loop': '/loop', '/file': 'file:///etc/passwd' }
    const location = targets[request.url ?? '']
    if (location === undefined) response.end(request.url)
    else response.writeHead(302, { location }).end()
  })
  using http = client()
  assert.equal(String((await http.buffer(`${server.url}/once`)).body), '/here')
  assert.equal(await complaint(http.get(`${server.url}/loop`)), 'langrun: cannot fetch http://HOST/loop\n  because: more than 5 redirects')
  assert.equal(
    await complaint(http.get(`${server.url}/file`)),
    'langrun: cannot fetch file:///etc/passwd\n  because: only http and https addresses are supported',
  )
})

test('credentials do not follow a redirect to another host', async () => {
  const seen: IncomingMessage['headers'][] = []
  await using other = await serve((request, response) => {
    seen.push(request.headers)
    response.end()
  })
  await using server = await serve((_, response) => response.writeHead(302, { location: other.url }).end())
  using http = client()
  await http.buffer(server.url, { headers: { Authorization: 'secret', 'x-kept': 'yes' } })
  assert.equal(seen[0]?.authorization, undefined)
  assert.equal(seen[0]?.['x-kept'], 'yes')
})

test('a host that does not exist is told of at once', async () => {
  using http = client({ retryMs: [10_000] })
  const said = await complaint(http.get('http://nowhere.invalid/a'))
  assert.match(
    said,
    /^langrun: cannot reach http:\/\/nowhere\.invalid\/a\n {2}because: getaddrinfo \w+ nowhere\.invalid\n {2}hint: check that this machine is online/,
  )
})

test('the proxy of the environment is used, but not for what no_proxy names', async () => {
  const asked: string[] = []
  await using proxy = await serve((request, response) => {
    asked.push(request.url ?? '')
    response.end('proxied')
  })
  await using server = await serve((_, response) => response.end('direct'))
  using through = client({ env: { http_proxy: proxy.url } })
  assert.equal(String((await through.buffer('http://example.invalid/a')).body), 'proxied')
  assert.deepEqual(asked, ['http://example.invalid/a'])
  using around = client({ env: { http_proxy: proxy.url, no_proxy: '127.0.0.1' } })
  assert.equal(String((await around.buffer(server.url)).body), 'direct')
})

test('an interruption ends the wait', async () => {
  await using server = await serve(() => {})
  using http = client({ idleMs: 60_000 })
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 20)
  await assert.rejects(http.get(server.url, { signal: stop.signal }), { code: 'interrupted' })
})

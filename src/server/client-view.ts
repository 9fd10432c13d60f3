/**
 * Where the client thinks it is: scheme, host, base path, and its own address. The one place that reads Host,
 * X-Forwarded-* and the public URL of the configuration. Everything else asks the request: `baseUrl`, `basePath`, `ip`.
 */
import type { IncomingMessage } from 'node:http'
import { isIP, isIPv6 } from 'node:net'
import type { TLSSocket } from 'node:tls'

export interface ClientView {
  scheme: 'http' | 'https'
  /** With its port, where that is not the scheme's own. */
  host: string
  /** `/share`, or empty for the root. */
  basePath: string
  /** The client's address without port and brackets. */
  ip: string
  /** Describes an invalid Host header; null when it is valid. */
  problem: string | null
  /** Whether a proxy says that the client came without TLS, though nothing says that this is meant. */
  isPlainBehindProxy: boolean
}

export interface ClientViewOptions {
  /** From HOLDFAST_PUBLIC_URL; wins over every header. */
  publicUrl: URL | null
  /** Whether X-Forwarded-For, -Proto, -Host and -Prefix come from a proxy that can be believed. */
  behindProxy: boolean
}

/** A host name or address, with or without a port (RFC 3986, section 3.2.2, without percent-encoding). */
const HOST = /^([\w.~-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i
const PREFIX = /^(\/[\w.~-]+)+\/?$/
const DEFAULT_PORTS = { http: ':80', https: ':443' }

export function viewOf(request: IncomingMessage, { publicUrl, behindProxy }: ClientViewOptions): ClientView {
  const forwarded = (name: string) => (behindProxy ? listOf(request.headers[`x-forwarded-${name}`]) : [])
  const [proto] = forwarded('proto').map((scheme) => scheme.toLowerCase())
  const scheme = publicUrl ? schemeOf(publicUrl) : (knownScheme(proto) ?? ownScheme(request, behindProxy))
  // The proxy that we know adds what it saw at the end; the rest may be the client's invention.
  const ip = plainAddress(forwarded('for').at(-1)) ?? plainAddress(request.socket.remoteAddress) ?? 'unknown'
  const ownHost = hostOf(request)
  const host = publicUrl?.host ?? forwarded('host').find((given) => HOST.test(given)) ?? ownHost.host
  return {
    scheme,
    host: host.endsWith(DEFAULT_PORTS[scheme]) ? host.slice(0, -DEFAULT_PORTS[scheme].length) : host,
    basePath: publicUrl
      ? trimmed(publicUrl.pathname)
      : trimmed(forwarded('prefix').find((path) => PREFIX.test(path)) ?? ''),
    ip,
    problem: ownHost.problem,
    isPlainBehindProxy: publicUrl === null && proto === 'http',
  }
}

/** The path that the router gets: without the base path, which some proxies pass on and some take away. */
export function withoutBasePath(url: string, basePath: string): string {
  if (basePath === '' || !url.startsWith(basePath)) return url
  const rest = url.slice(basePath.length)
  return rest.startsWith('/') ? rest : rest === '' || rest.startsWith('?') ? `/${rest}` : url
}

function listOf(header: string | string[] | undefined): string[] {
  return String(header ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function knownScheme(given: string | undefined): ClientView['scheme'] | null {
  return given === 'http' || given === 'https' ? given : null
}

function schemeOf({ protocol }: URL): ClientView['scheme'] {
  return protocol === 'https:' ? 'https' : 'http'
}

/** A trusted proxy that names no scheme is assumed to end TLS, as PicoShare assumes. */
function ownScheme({ socket }: IncomingMessage, behindProxy: boolean): ClientView['scheme'] {
  return behindProxy || (socket as TLSSocket).encrypted ? 'https' : 'http'
}

/** RFC 9112, section 3.2: one Host, valid. A client of HTTP/1.0 may send none. */
function hostOf({ rawHeaders, headers, httpVersion, socket }: IncomingMessage): {
  host: string
  problem: string | null
} {
  const listening = isIPv6(socket.localAddress ?? '') ? `[${socket.localAddress}]` : socket.localAddress
  const own = `${listening ?? '127.0.0.1'}:${socket.localPort ?? 0}`
  const count = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length
  if (count > 1) return { host: own, problem: 'the request has more than one Host header' }
  if (count === 0 && httpVersion === '1.1') return { host: own, problem: 'the request has no Host header' }
  const { host = '' } = headers
  if (host === '') return { host: own, problem: null }
  if (HOST.test(host)) return { host, problem: null }
  return {
    host: own,
    problem: `invalid Host ${JSON.stringify(host.slice(0, 100))}: expected a host name, with or without a port`,
  }
}

/** `203.0.113.9:40001`, `[2001:db8::1]:443`, `::ffff:192.0.2.1`, with quotes: the address alone, or null. */
function plainAddress(given: string | undefined): string | null {
  const text = (given ?? '').replaceAll('"', '')
  const bare = /^\[([^\]]+)\](:\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare.replace(/%.*$/, '')
  return isIP(mapped) ? mapped : null
}

function trimmed(path: string): string {
  return path.replace(/\/+$/, '')
}

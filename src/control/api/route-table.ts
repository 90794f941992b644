import type { FastifyInstance } from 'fastify'

export interface RouteTable {
  /** Methods that some route takes at this path; empty where no route has it. */
  methodsOf(path: string): string[]
}

/** Remembers what is registered from here on, to tell a wrong method from a wrong path. */
export function createRouteTable(app: FastifyInstance): RouteTable {
  const routes = new Map<string, { pattern: RegExp; methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }) => {
    const route = routes.get(url) ?? { pattern: toPattern(url), methods: new Set() }
    for (const each of [method].flat()) route.methods.add(each)
    routes.set(url, route)
  })
  return {
    methodsOf(path) {
      const matching = [...routes.values()].filter(({ pattern }) => pattern.test(path))
      return [...new Set(matching.flatMap(({ methods }) => [...methods]))].sort()
    },
  }
}

function toPattern(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : RegExp.escape(part).replace('\\*', '.*')))
    .join('/')
  return new RegExp(`^${source}$`)
}

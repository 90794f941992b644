import { openSqliteEdgeDirectory } from '#directory/sqlite-edge-directory.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { systemRandom as random } from '#lib/random.ts'

/**
 * An edge worker in its own process: looks every changed name up and reports what it applied, the way
 * a real one does. Arguments: path of the file, edge id.
 */
const [, , path = '', edgeId = ''] = process.argv
const signal = new AbortController().signal
const edge = await openSqliteEdgeDirectory({ path, clock, random })
for await (const { upTo, changes } of edge.watch(undefined, signal)) {
  for (const { name } of changes) if (name !== '') await edge.findBinding(name)
  await edge.beat({ edgeId, applied: upTo, at: clock.now(), version: 'test' })
}

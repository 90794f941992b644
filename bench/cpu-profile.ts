import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

import { z } from 'zod'

/** What of a `.cpuprofile` is read; times in microseconds of the monotonic clock. */
const CpuProfile = z.object({
  startTime: z.number(),
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  /** The node on top of the stack, for each sample. */
  samples: z.array(z.number()),
  /** Time since the sample before. */
  timeDeltas: z.array(z.number()),
})
export type CpuProfile = z.infer<typeof CpuProfile>

export interface ProfileWindow {
  from: number
  to: number
}

export function readCpuProfile(text: string): CpuProfile {
  return CpuProfile.parse(JSON.parse(text))
}

/** Lines `share function place`, the greatest share first; waiting (`(idle)`) does not count. */
export function topFunctions(profile: CpuProfile, window: ProfileWindow): string[] {
  const times = selfTimes(profile, window)
  times.delete('(idle)')
  const total = [...times.values()].reduce((sum, time) => sum + time, 0)
  return [...times]
    .toSorted(([, a], [, b]) => b - a)
    .map(([label, time]) => `${((time / total) * 100).toFixed(1).padStart(5)} %  ${label}`)
}

function selfTimes(profile: CpuProfile, { from, to }: ProfileWindow): Map<string, number> {
  const labels = new Map(profile.nodes.map(({ id, callFrame }) => [id, labelOf(callFrame)]))
  const times = new Map<string, number>()
  let now = profile.startTime
  for (const [index, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[index] ?? 0
    now += delta
    if (now < from || now > to) continue
    const label = labels.get(id) ?? '(unknown)'
    times.set(label, (times.get(label) ?? 0) + delta)
  }
  return times
}

function labelOf(frame: CpuProfile['nodes'][number]['callFrame']): string {
  const name = frame.functionName || '(anonymous)'
  if (frame.url === '') return name
  const path = frame.url.startsWith('file:')
    ? relative(process.cwd(), fileURLToPath(frame.url))
    : frame.url
  return `${name}  ${path}:${frame.lineNumber + 1}`
}

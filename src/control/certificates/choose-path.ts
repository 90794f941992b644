import type { X509Certificate } from 'node:crypto'

import type { ChainPath } from './find-paths.ts'

export type BuiltBundle = 'ubiquitous' | 'optimal'

/**
 * Which of several ways to a root is served. First come those that last as long as the leaf, so that
 * a cross-signature that ends does not break a chain that could have done without it; then
 *
 * - `ubiquitous`: the root that was there first, because what knows it is the most and the oldest
 *   clients, public before private; below one root the longest way, which gives a client the most
 *   places to find something it knows.
 * - `optimal`: the shortest way; among equals the newest intermediates.
 */
export function choosePath(
  paths: readonly ChainPath[],
  { leaf, bundle }: { leaf: X509Certificate; bundle: BuiltBundle },
): ChainPath | undefined {
  const compare = bundle === 'optimal' ? byShortest : byOldestRoot
  const lasts = (path: ChainPath): number => Number(endOf(path) >= leaf.validToDate.getTime())
  return [...paths].sort((a, b) => lasts(b) - lasts(a) || compare(a, b))[0]
}

function byShortest(a: ChainPath, b: ChainPath): number {
  return a.intermediates.length - b.intermediates.length || ageOf(b) - ageOf(a)
}

function byOldestRoot(a: ChainPath, b: ChainPath): number {
  return (
    Number(a.root.isPrivate) - Number(b.root.isPrivate) ||
    a.root.certificate.validFromDate.getTime() - b.root.certificate.validFromDate.getTime() ||
    b.intermediates.length - a.intermediates.length
  )
}

function endOf({ intermediates, root }: ChainPath): number {
  const ends = [...intermediates, root.certificate].map(({ validToDate }) => validToDate.getTime())
  return Math.min(...ends)
}

/** When its oldest intermediate began. */
function ageOf({ intermediates }: ChainPath): number {
  return Math.min(...intermediates.map(({ validFromDate }) => validFromDate.getTime()))
}

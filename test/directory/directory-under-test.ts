import type { DirectoryPublisher, EdgeDirectory } from '#directory/directory.ts'

/** A fresh directory, never filled, with a way to lose it. */
export interface DirectoryUnderTest extends AsyncDisposable {
  openEdge(): Promise<EdgeDirectory>
  openPublisher(options?: { changeLogLength?: number }): Promise<DirectoryPublisher>
  /** All of it is gone, as after a deleted file or FLUSHALL. */
  lose(): Promise<void>
  /** Copies all of it; the function returned brings the copy back, as a restart from a snapshot does. */
  copy(): Promise<() => Promise<void>>
}

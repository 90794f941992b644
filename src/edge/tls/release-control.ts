import type { TLSSocket } from 'node:tls'

/**
 * Does what `tls.Server` does once a handshake is done, and sockets made by hand lack. HTTP/2 waits
 * for ever while `secureConnecting` is set; and until the control is released, an error after the
 * handshake (a broken record) is swallowed. Even then Node only tells of it and leaves the socket
 * open: closing it is added here, so that no room has to know.
 */
export function releaseControl(tls: TLSSocket): void {
  const socket = tls as TLSSocket & { secureConnecting: boolean; _releaseControl(): boolean }
  socket.secureConnecting = false
  socket._releaseControl()
  socket.on('error', closeBroken)
}

function closeBroken(this: TLSSocket): void {
  this.destroy()
}

/** What runs the bench runs its Node servers too. */
export const NODE = `Node ${process.versions.node}, OpenSSL ${process.versions.openssl}`

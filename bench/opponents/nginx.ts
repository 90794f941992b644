import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { getProgram } from '#test/packages.ts'

import { processTree, runToEnd, startPinned, TEST_CORE, waitForPort } from '../processes.ts'
import type { Opponent, RunningOpponent, Setting } from './opponent.ts'

export const nginx: Opponent = {
  name: 'nginx',
  packageName: 'nginx',
  protocols: ['http/1.1', 'h2'],
  async version() {
    const { stderr } = await runToEnd(getProgram('nginx'), ['-V'])
    const openssl =
      /running with (OpenSSL \S+)/.exec(stderr) ?? /built with (OpenSSL \S+)/.exec(stderr)
    return `${/nginx\/(\S+)/.exec(stderr)?.[1]} (${openssl?.[1]})`
  },
  start,
}

async function start(setting: Setting): Promise<RunningOpponent> {
  const file = join(setting.directory, 'nginx.conf')
  mkdirSync(join(setting.directory, 'temp'))
  writeFileSync(file, configuration(setting))
  const server = startPinned(getProgram('nginx'), ['-p', setting.directory, '-c', file], {
    cores: TEST_CORE,
    log: join(setting.directory, 'log'),
  })
  await waitForPort(setting.port, server)
  return {
    ...server,
    port: setting.port,
    ca: setting.certificates.ca,
    processes: () => processTree(server.pid),
  }
}

/** Connections are never recycled by count and bodies never touch the disk, as with the others. */
function configuration({ port, originPort, hostname, certificates, directory }: Setting): string {
  const { ecdsa, rsa } = certificates
  return `
daemon off;
worker_processes 1;
pid nginx.pid;
error_log ${directory}/log warn;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path temp/body;
  proxy_temp_path temp/proxy;
  fastcgi_temp_path temp/fastcgi;
  uwsgi_temp_path temp/uwsgi;
  scgi_temp_path temp/scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  upstream origin {
    server 127.0.0.1:${originPort};
    keepalive 256;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
  }
  server {
    listen 127.0.0.1:${port} ssl http2 backlog=1024;
    server_name ${hostname};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_tickets on;
    ssl_certificate ${ecdsa.chainFile};
    ssl_certificate_key ${ecdsa.keyFile};
    ssl_certificate ${rsa.chainFile};
    ssl_certificate_key ${rsa.keyFile};
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_buffers 16 32k;
      proxy_max_temp_file_size 0;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
    }
  }
}
`
}

# Custos in one image: `docker run custos` is `custos serve`; `control`, `edge`, … are given as command.
#
#   docker build -t custos .
#   docker run -p 443:8443 -p 80:8080 -p 127.0.0.1:8787:8787 -v custos:/data custos
#
# A stopping edge waits up to CUSTOS_EDGE_DRAIN (30 s) for its exchanges: give it that time, with
# `docker stop -t 40`, stop_grace_period or terminationGracePeriodSeconds.
FROM node:26-slim

ENV NODE_ENV=production \
    CUSTOS_DATA_DIR=/data \
    CUSTOS_CONTROL=0.0.0.0:8787

WORKDIR /app

# The packages first: this layer changes with the lock file only. The optional ones are the pinned
# Node for other places; here the image is the pinned Node.
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund && npm cache clean --force

COPY LICENSE ./
COPY src ./src

RUN mkdir -m 0700 /data && chown node:node /data
USER node
VOLUME /data

# TLS, plain HTTP, API
EXPOSE 8443 8080 8787

# The API's /healthz; for `edge` set CUSTOS_EDGE_ADMIN, which has one too.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "const at = (process.env.CUSTOS_EDGE_ADMIN || process.env.CUSTOS_CONTROL).replace('0.0.0.0', '127.0.0.1').replace('[::]', '[::1]'); fetch(`http://${at}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

# Exec form: the signal reaches Custos itself, which drains on it.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "src/main.ts"]
CMD ["serve"]

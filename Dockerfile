# Builds the program. Its Node only runs npm: the lock file decides which Node the program runs with.
FROM node:26-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --include=dev --no-audit --no-fund
COPY . .
RUN npm run build \
  && mkdir -p /holdfast/node_modules/.bin \
  && cp -L node_modules/.bin/node /holdfast/node_modules/.bin/node \
  && rm -r dist/library \
  && cp -r --parents LICENSE package.json bin dist node_modules/web-tree-sitter \
    node_modules/@tree-sitter-grammars/tree-sitter-hcl/package.json \
    node_modules/@tree-sitter-grammars/tree-sitter-hcl/tree-sitter-hcl.wasm /holdfast

FROM debian:bookworm-slim
# Node needs libatomic1.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libatomic1 \
  && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 holdfast \
  && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin holdfast \
  && install -d -m 0700 -o 10001 -g 10001 /data
COPY --from=build /holdfast /opt/holdfast
ENV HOLDFAST_HOST=0.0.0.0 \
  HOLDFAST_DATA=/data \
  PORT=4001
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 4001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
  CMD ["/opt/holdfast/node_modules/.bin/node", "-e", "fetch('http://127.0.0.1:' + (process.env.HOLDFAST_PORT ?? process.env.PORT) + '/api/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# No init besides: bin/holdfast becomes the server, which handles its signals and starts no processes.
ENTRYPOINT ["/opt/holdfast/bin/holdfast"]
CMD ["serve"]

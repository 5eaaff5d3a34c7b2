# The server in a container. Build: docker build -t annals .
# Run:   docker run -p 8000:8000 -v ./data:/data annals
# docs/guides/server.md says more.

FROM node:22-slim AS build
WORKDIR /app
# hnswlib-node is compiled at every installation.
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build
RUN npm prune --omit=dev

FROM node:22-slim
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN mkdir /data && chown node:node /data
USER node
# Within the container every address is the container's own; what is published decides who comes in.
ENV NODE_ENV=production ANNALS_PATH=/data ANNALS_HOST=0.0.0.0 ANNALS_PORT=8000
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["node", "dist/server/operation/health-probe.js"]
ENTRYPOINT ["node", "dist/cli/annals.js"]
CMD ["run"]

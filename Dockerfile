# syntax=docker/dockerfile:1
# flowgate in a container of nothing but itself and glibc: docs/deploy/docker.md says how to run it.
#
# glibc and not musl: its allocator is the one that the benchmarks were run with.

# The compiler that rust-toolchain.toml names (a test holds them equal; the file itself would have its other tools fetched
# too). Built on the builder's own kind of machine, also for others: a cross compiler is many times faster than an
# emulated one.
FROM --platform=$BUILDPLATFORM rust:1.95.0-slim-bookworm AS build
ARG TARGETARCH
# The commit for --version and the metrics, since .git is not here: --build-arg FLOWGATE_COMMIT=$(git rev-parse --short=7 HEAD)
ARG FLOWGATE_COMMIT=""
# What is built in besides the usual: otlp has traces (docs/traces.md).
ARG FLOWGATE_FEATURES=""
WORKDIR /src

COPY deploy/docker/target /usr/local/bin/
RUN target install

COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id=flowgate-target-$TARGETARCH,target=/src/target \
    target build /out

FROM gcr.io/distroless/cc-debian12:nonroot
ARG FLOWGATE_COMMIT=""
LABEL org.opencontainers.image.title="flowgate" \
      org.opencontainers.image.description="An OpenAI-compatible gateway in front of SiliconFlow" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$FLOWGATE_COMMIT"

COPY --from=build /out/flowgate /usr/local/bin/flowgate
COPY --from=build /src/LICENSE /usr/share/doc/flowgate/LICENSE
# The folder of a volume that is made for it belongs to the same user.
COPY --from=build --chown=65532:65532 /out/state /var/lib/flowgate

# Configuration, if there is any: /etc/flowgate/flowgate.toml. State: /var/lib/flowgate.
ENV XDG_CONFIG_HOME=/etc \
    XDG_DATA_HOME=/var/lib
USER 65532:65532
EXPOSE 4000 4001
VOLUME /var/lib/flowgate
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/flowgate", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/flowgate"]
# All addresses of the container: what others can reach is what is published. Without a key it does not start.
CMD ["serve", "--listen", "0.0.0.0:4000", "--admin-listen", "0.0.0.0:4001"]

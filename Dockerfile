FROM rust:1-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin redis-server

FROM debian:bookworm-slim
# The ids of the official image, so that volumes written by it keep their owner.
RUN groupadd --system --gid 1000 redis \
    && useradd --system --uid 999 --gid redis --home-dir /data --no-create-home redis \
    && mkdir /data \
    && chown redis:redis /data
# redis-tools has redis-cli and redis-benchmark; health checks of users call nc.
RUN apt-get update \
    && apt-get install -y --no-install-recommends netcat-openbsd redis-tools tzdata \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/target/release/redis-server /usr/local/bin/redis-server
RUN ln -s redis-server /usr/local/bin/redis-check-rdb
COPY config/docker-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
COPY config/image.conf /usr/local/etc/redstart/image.conf
ENV REDSTART_DEFAULTS=/usr/local/etc/redstart/image.conf
VOLUME /data
WORKDIR /data
EXPOSE 6379 9121
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["redis-server"]

# The image: our programs and busybox, all of them static, and no distribution.
FROM rust:1-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends busybox-static ca-certificates gcc libc6-dev make tzdata \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN config/image/build release /programs

FROM scratch
COPY --from=build /bin/busybox /bin/busybox
# Health checks and start scripts of users call sh, cat, nc, wget and the like.
RUN ["/bin/busybox", "mkdir", "-p", "/sbin", "/usr/bin", "/usr/sbin"]
RUN ["/bin/busybox", "--install", "-s"]
COPY config/image/etc /etc
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo
COPY --from=build /programs/redis-server /programs/redis-cli /usr/local/bin/
COPY config/image/redstart.conf /usr/local/etc/redstart/redstart.conf
# The server is also the entry point and the tools, by their names. The ids of redis are those of the official image,
# so that volumes written by it keep their owner.
RUN cd /usr/local/bin \
    && for name in docker-entrypoint.sh redis-check-aof redis-check-rdb; do ln -s redis-server "$name"; done \
    && mkdir -p -m 1777 /tmp \
    && mkdir /data \
    && chown redis:redis /data
ENV REDSTART_DEFAULTS=/usr/local/etc/redstart/redstart.conf
ENV REDSTART_USER=999:1000
VOLUME /data
WORKDIR /data
EXPOSE 6379 9121
# Ready is who has loaded its data. Without metrics, any answer but that of a server still loading will do.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10m --retries=3 \
    CMD wget -q -T 4 -O /dev/null http://127.0.0.1:9121/readyz || redis-cli -t 4 ping | grep -q -e PONG -e NOAUTH
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["redis-server"]

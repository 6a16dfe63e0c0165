#!/bin/sh
# Entry point of the image: behaves as the one of the official Redis image, so that commands written for that work.
set -e

# Options alone, or a configuration file, are meant for the server.
case "${1-}" in
    -* | *.conf) set -- redis-server "$@" ;;
esac

# The server doesn't run as root: what lies in its folder becomes its own, and this script starts again as redis.
if [ "${1-}" = redis-server ] && [ "$(id -u)" = 0 ]; then
    find . ! -user redis -exec chown redis '{}' +
    exec setpriv --reuid=redis --regid=redis --clear-groups -- "$0" "$@"
fi

# What it writes is for its user alone, unless someone chose a mask.
if [ "$(umask)" = 0022 ]; then
    umask 0077
fi

exec "$@"

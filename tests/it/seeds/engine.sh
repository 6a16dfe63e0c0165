#!/bin/sh
# Stands in for docker, `docker compose`, pnpm's compose scripts and systemctl where a runbook calls them. A service is
# a folder of $SERVICES: `start` becomes its process, `exec` runs a command beside it, `log` is what it wrote. Its
# server carries SERVICE=NAME in its environment.
set -eu

fail() { echo "engine: $*" >&2; exit 1; }

# The server of a service, by its environment, if it runs.
server() {
    for process in /proc/[0-9]*; do
        if [ "$(cat "$process/comm" 2>/dev/null)" = redis-server ] &&
            tr '\0' '\n' 2>/dev/null <"$process/environ" | grep -qxF "SERVICE=$1" &&
            tr '\0' '\n' 2>/dev/null <"$process/environ" | grep -qxF "SERVICES=$SERVICES"; then
            echo "${process#/proc/}"
        fi
    done
}

listed() { if [ $# -gt 0 ]; then echo "$@"; else ls "$SERVICES"; fi; }

start() {
    for name in $(listed "$@"); do
        SERVICE=$name nohup "$SERVICES/$name/start" </dev/null >>"$SERVICES/$name/log" 2>&1 &
    done
}

# As docker does it: SIGTERM, and SIGKILL ten seconds later.
stop() {
    for name in "$@"; do
        pid=$(server "$name")
        [ -n "$pid" ] || continue
        kill $pid
        tries=0
        while [ -n "$(server "$name")" ]; do
            tries=$((tries + 1))
            if [ $tries -gt 600 ]; then fail "$name doesn't stop"; fi
            sleep 0.1
        done
    done
}

state() {
    for name in $(listed "$@"); do
        if [ -n "$(server "$name")" ]; then echo "$name Up"; else echo "$name Exited"; fi
    done
}

logs() {
    follow='' lines=1000
    while true; do
        case ${1-} in
            -f) follow=-f ;;
            --tail=*) lines=${1#--tail=} ;;
            *) break ;;
        esac
        shift
    done
    for name in "$@"; do tail -n "$lines" $follow "$SERVICES/$name/log"; done
}

# Skips what only a terminal needs.
run_in() {
    while [ "${1#-}" != "$1" ]; do shift; done
    name=$1
    shift
    exec "$SERVICES/$name/exec" "$@"
}

case $(basename "$0") in
    docker) if [ "${1-}" = compose ]; then shift; fi ;;
    pnpm)
        case $1 in
            compose:*) action=${1#compose:}; shift; set -- "$action" "$@" ;;
            # Scripts of the application.
            --filter) shift 3; exec "$SERVICES/../scripts/$1" ;;
            *) fail "pnpm $*" ;;
        esac
        ;;
    systemctl) ;;
    # Everything here is done by root.
    sudo) exec "$@" ;;
    *) fail "called as $0" ;;
esac

action=$1
shift
case $action in
    up) start "$@" ;;
    ps) state "$@" ;;
    logs) logs "$@" ;;
    restart) stop "$@" && start "$@" ;;
    exec) run_in "$@" ;;
    *) fail "$action $*" ;;
esac

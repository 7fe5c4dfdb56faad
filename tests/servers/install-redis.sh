#!/usr/bin/env bash
# install-redis.sh: install Debian's redis-server if the tests would use it and this user may.
set -euo pipefail

[[ -z ${STREAMPROC_TEST_REDIS:-} ]] || exit 0
command -v redis-server >/dev/null && exit 0
command -v docker >/dev/null && docker version >/dev/null 2>&1 && exit 0

without() {
    echo "redis: no redis-server for the tests: $1"
    exit 0
}

command -v apt-get >/dev/null || without "install it to test with the real one"
[[ ! -d /run/systemd/system ]] || without "apt-get install redis-server (it also starts a service, so not unasked)"
if [[ $(id -u) -eq 0 ]]; then
    as_root=()
elif sudo --non-interactive true 2>/dev/null; then
    as_root=(sudo --non-interactive)
else
    without "apt-get install redis-server needs root"
fi

echo "redis: installing Debian's redis-server"
# RUNLEVEL=1: not started; each test run starts its own.
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get --quiet=2)
"${install[@]}" update
"${install[@]}" install --yes --no-install-recommends redis-server >/dev/null

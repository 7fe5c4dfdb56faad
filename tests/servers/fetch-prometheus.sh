#!/usr/bin/env bash
# fetch-prometheus.sh DIRECTORY: unpack promtool and prometheus of Debian's package, without installing it: no service
# is started, nothing outside of DIRECTORY is touched.
set -euo pipefail
directory=$1
mkdir -p "$directory"

have() {
    [[ -x $directory/promtool && -x $directory/prometheus ]]
}

without() {
    echo "prometheus: no promtool for the checks of deploy/: $1" >&2
    exit 1
}

have && exit 0
if command -v promtool >/dev/null && command -v prometheus >/dev/null; then
    ln -sf "$(command -v promtool)" "$(command -v prometheus)" "$directory"
    exit 0
fi
command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
    without "put promtool and prometheus 2.42 or later on the PATH"

echo "prometheus: fetching Debian's package"
unpacked=$(mktemp --directory)
trap 'rm -rf "$unpacked"' EXIT
cd "$unpacked"
download() {
    # Outside of the directories that apt's own user may write to, apt says so at every download.
    apt-get --quiet=2 -o APT::Sandbox::User=root download prometheus
}
if ! download 2>/dev/null; then
    # The lists of packages may be absent, as in a fresh container.
    [[ $(id -u) -eq 0 ]] || without "apt-get download prometheus failed; apt-get update needs root"
    apt-get --quiet=2 update
    download || without "apt-get download prometheus failed"
fi
dpkg --extract prometheus_*.deb .
cd - >/dev/null
mv "$unpacked"/usr/bin/promtool "$unpacked"/usr/bin/prometheus "$directory"
have

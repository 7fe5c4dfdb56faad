#!/usr/bin/env bash
# install-chromium.sh: install Debian's chromium for the test of the backtest's page, if there is none and this user may.
set -euo pipefail

[[ -z ${STREAMPROC_TEST_CHROMIUM:-} ]] || exit 0
command -v chromium >/dev/null && exit 0

without() {
    echo "chromium: no browser for the tests, so those in tests/browser will fail: $1"
    exit 0
}

command -v apt-get >/dev/null || without "install chromium"
if [[ $(id -u) -eq 0 ]]; then
    as_root=()
elif sudo --non-interactive true 2>/dev/null; then
    as_root=(sudo --non-interactive)
else
    without "apt-get install chromium needs root"
fi

echo "chromium: installing Debian's chromium"
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet=2)
"${install[@]}" update || without "apt-get update failed"
"${install[@]}" install --yes --no-install-recommends chromium >/dev/null || without "apt-get install chromium failed"

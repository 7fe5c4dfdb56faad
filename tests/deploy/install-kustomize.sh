#!/usr/bin/env bash
# Kustomize for the tests of deploy/k8s: what is there, else built from source with Go. $1: where to put it.
set -euo pipefail

readonly VERSION=v5.8.0 # components, replacements: any 5 will do
target=$1/kustomize

if [[ -x $target ]] || command -v kustomize >/dev/null || kubectl kustomize --help >/dev/null 2>&1; then
    exit 0
fi
if ! command -v go >/dev/null; then
    echo "kustomize: neither kustomize nor kubectl is here, nor Go to build it with; tests/deploy will say so"
    exit 0
fi
echo "kustomize: building $VERSION with Go into $1, once; about a minute"
mkdir -p "$1"
GOBIN=$(realpath "$1") go install "sigs.k8s.io/kustomize/kustomize/v5@$VERSION"

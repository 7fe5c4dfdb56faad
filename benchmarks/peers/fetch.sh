#!/usr/bin/env bash
# fetch.sh FOLDER UV PYTHON: fill FOLDER with what the peers run on: venv/ for those in Python, jars/ and classes/ for Java.
set -euo pipefail
folder=$(realpath -m "$1")
uv=$2
python=$3
here=$(dirname "$(realpath "$0")")

echo "peers: fetching what they run on to $folder"
rm -rf "$folder"
mkdir -p "$folder"
"$uv" venv --quiet --python "$python" "$folder/venv"
"$uv" pip install --quiet --no-deps --only-binary :all: --python "$folder/venv/bin/python" --compile-bytecode \
    --requirements "$here/requirements.txt"
if command -v javac >/dev/null && command -v mvn >/dev/null; then
    mvn --quiet --batch-mode --file "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$folder/jars"
    javac --release 17 -cp "$folder/jars/*" -d "$folder/classes" "$here/KafkaStreamsWindow.java"
else
    echo "peers: no Kafka Streams: it needs javac (17 or later) and mvn"
fi
touch "$folder/.fetched"

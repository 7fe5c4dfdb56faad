#!/usr/bin/env bash
# fetch-kafka.sh FOLDER: fill FOLDER with the jars of pom.xml, unless this machine cannot use or fetch them.
set -euo pipefail
folder=$(realpath -m "$1")
here=$(dirname "$(realpath "$0")")

without() {
    echo "kafka: no Apache Kafka for the tests: $1"
    exit 0
}

[[ -z ${STREAMPROC_TEST_KAFKA:-} ]] || exit 0
command -v java >/dev/null || without "it needs Java 17 or later"
major=$(java -XshowSettings:properties -version 2>&1 | sed -n 's/.*java.specification.version = //p')
[[ ${major%%.*} -ge 17 ]] || without "it needs Java 17 or later, and this is Java $major"
command -v mvn >/dev/null || without "it is fetched by Maven (mvn)"

echo "kafka: fetching Apache Kafka's jars to $folder"
rm -rf "$folder"
mkdir -p "$folder"
mvn --quiet --batch-mode --file "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$folder"
touch "$folder/.fetched"

#!/bin/bash
# Builds the images of docker/Dockerfile with the versions of docker/.env:
#
#   docker/build.sh [spark|plain|demo|environment]...     default: spark
#
# spark: the image bowstring-spark:SPARK_VERSION. plain: bowstring-plain, without bowstring. demo: bowstring-demo, with what
# demo/ needs. environment: dist/environment.tar.gz, for --archives and Spark Connect. What is set in the environment goes
# before docker/.env: SPARK_VERSION=4.1.4 docker/build.sh. All but plain need the wheel of bowstring in dist/: make wheel.
set -euo pipefail
cd "$(dirname "$0")/.."

# name=value, as docker compose reads it: a value may have spaces and needs no quotes.
options=()
while IFS='=' read -r name value; do
    [[ $name =~ ^[A-Z_]+$ ]] || continue
    [ -n "${!name+set}" ] || export "$name=$value"
    case $name in
    BASE | JAVA_PACKAGE | *_VERSION | *PACKAGES) options+=(--build-arg "$name=${!name}") ;;
    esac
done < docker/.env
# As pip has it; empty for PyPI.
options+=(--build-arg "PIP_INDEX_URL=${PIP_INDEX_URL:-}")

for certificate in "${PIP_CERT:-}" "${SSL_CERT_FILE:-}"; do
    if [ -f "$certificate" ]; then
        cmp --silent "$certificate" docker/certificates/host.crt || cp "$certificate" docker/certificates/host.crt
        break
    fi
done
docker/base.sh "$BASE"


build() {
    echo "docker/build.sh: $1 with Spark $SPARK_VERSION" >&2
    # Its output is long, and of interest only if it fails.
    local log
    log=$(mktemp)
    if ! docker build --file docker/Dockerfile --target "$1" --tag "bowstring-$1:$SPARK_VERSION" "${options[@]}" . > "$log" 2>&1; then
        tail -n 40 "$log" >&2
        rm "$log"
        exit 1
    fi
    rm "$log"
}

for target in "${@:-spark}"; do
    case $target in
    spark | demo | environment)
        if ! compgen -G "dist/bowstring-$BOWSTRING_VERSION-cp${PYTHON_VERSION/./}-*.whl" > /dev/null; then
            echo "docker/build.sh: no wheel of bowstring $BOWSTRING_VERSION for CPython $PYTHON_VERSION in dist/:" \
                "make wheel WHEEL_PYTHON=$PYTHON_VERSION" >&2
            exit 1
        fi
        ;;
    plain) ;;
    *)
        sed -n 's/^# \{0,1\}//; 2,8p' "$0" >&2
        exit 64
        ;;
    esac
    if [ "$target" = environment ] && docker buildx version > /dev/null 2>&1; then
        docker build --file docker/Dockerfile --target environment --output dist "${options[@]}" .
        continue
    fi
    build "$target"
    if [ "$target" = environment ]; then
        # The classic builder has no --output.
        container=$(docker create "bowstring-environment:$SPARK_VERSION")
        docker cp "$container:/environment.tar.gz" dist/environment.tar.gz
        docker rm "$container" > /dev/null
        chmod 644 dist/environment.tar.gz
    fi
done

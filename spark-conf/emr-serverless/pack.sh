#!/bin/bash
# Makes environment.tar.gz with a Python of its own, by conda-pack: pack.sh WHEEL [PACKAGE…]
# Needs conda (or mamba under that name) with the channel conda-forge.
set -euo pipefail

wheel=${1:?name the wheel of bowstring: pack.sh dist/bowstring-…-cp311-….whl}
shift
folder=$(mktemp -d)
trap 'rm -rf "${folder}"' EXIT
# The versions of docs/compatibility.md for Spark 3.5.
conda create --yes --quiet --prefix "${folder}/environment" --channel conda-forge \
    python=3.11 pip pandas=2.2.3 pyarrow=19.0.1 numpy=1.26.4 conda-pack "$@"
"${folder}/environment/bin/python" -m pip install --no-deps "${wheel}"
"${folder}/environment/bin/conda-pack" --prefix "${folder}/environment" --output environment.tar.gz --quiet
echo "environment.tar.gz is ready: aws s3 cp environment.tar.gz s3://BUCKET/" >&2

#!/bin/bash
# Makes environment.tar.gz for session.py: pack.sh WHEEL [PACKAGE…]
# PYTHON names the Python: of the minor version that the client has, and at this path on the executors too.
set -euo pipefail

wheel=${1:?name the wheel of bowstring: pack.sh dist/bowstring-….whl}
shift
python=${PYTHON:-python3.11}
folder=$(mktemp -d)
trap 'rm -rf "${folder}"' EXIT
"${python}" -m venv "${folder}/environment"
pip=("${folder}/environment/bin/python" -m pip --disable-pip-version-check install --quiet)
# Spark brings PySpark itself. setuptools 81 has no pkg_resources, which venv-pack imports.
"${pip[@]}" pandas pyarrow "${wheel}" "$@"
"${pip[@]}" venv-pack 'setuptools<81'
"${folder}/environment/bin/venv-pack" --prefix "${folder}/environment" --output environment.tar.gz --quiet

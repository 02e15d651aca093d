#!/bin/bash
# Posts batch.json to Livy, or another file: LIVY=http://host:8998 submit.sh [FILE.json]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
livy=${LIVY:?name the server: LIVY=http://host:8998}
file=${1:-${here}/batch.json}
exec curl --fail-with-body --silent --show-error --header 'Content-Type: application/json' \
    --data "@${file}" "${livy}/batches"

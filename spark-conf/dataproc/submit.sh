#!/bin/bash
# Submits a program: CLUSTER=… REGION=… submit.sh PROGRAM.py [ARGUMENT…]
# Without a program: asks every executor whether bowstring serves it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
region=${REGION:?name the region}
program=${1:-${here}/../doctor.py}
shift || true
exec gcloud dataproc jobs submit pyspark "${program}" --cluster "${CLUSTER:-bowstring}" --region "${region}" -- "$@"

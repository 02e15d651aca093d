#!/bin/bash
# Adds a step: CLUSTER=j-… BUCKET=… submit.sh s3://BUCKET/PROGRAM.py
# Without a program: asks every executor whether bowstring serves it; the answer is in the step's stdout.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cluster=${CLUSTER:?name the cluster: CLUSTER=j-…}
program=${1:-}
if [[ -z "${program}" ]]; then
    bucket=${BUCKET:?name a bucket for doctor.py}
    program=s3://${bucket}/doctor.py
    aws s3 cp "${here}/../doctor.py" "${program}"
fi
exec aws emr add-steps --cluster-id "${cluster}" \
    --steps "Type=Spark,Name=bowstring,ActionOnFailure=CONTINUE,Args=[--deploy-mode,client,${program}]"

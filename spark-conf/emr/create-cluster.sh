#!/bin/bash
# Creates a small cluster with bowstring: BUCKET=… WHEEL=bowstring-….whl create-cluster.sh
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bucket=${BUCKET:?name the bucket that has bootstrap.sh and the wheel}
wheel=${WHEEL:?name the wheel, as it is called in the bucket}
aws s3 cp "${here}/bootstrap.sh" "s3://${bucket}/bootstrap.sh"
exec aws emr create-cluster --name bowstring --release-label "${RELEASE:-emr-7.9.0}" --applications Name=Spark \
    --use-default-roles --instance-type m5.xlarge --instance-count 3 \
    --bootstrap-actions "Path=s3://${bucket}/bootstrap.sh,Args=[s3://${bucket}/${wheel}]" \
    --configurations "file://${here}/configurations.json"

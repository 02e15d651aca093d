#!/bin/bash
# Creates the job of job.json and starts it: ROLE=arn:… BUCKET=… WHEEL=bowstring-…-cp311-….whl submit.sh
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
role=${ROLE:?name the role of the job}
bucket=${BUCKET:?name the bucket that has the wheel}
wheel=${WHEEL:?name the wheel, as it is called in the bucket}
aws s3 cp "${here}/../doctor.py" "s3://${bucket}/doctor.py"
job=$(sed "s|ROLE|${role}|; s|BUCKET|${bucket}|; s|WHEEL|${wheel}|" "${here}/job.json")
aws glue create-job --cli-input-json "${job}"
exec aws glue start-job-run --job-name bowstring-doctor

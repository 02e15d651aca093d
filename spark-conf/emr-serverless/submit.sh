#!/bin/bash
# Starts job-driver.json: APPLICATION=… ROLE=arn:… BUCKET=… submit.sh
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
application=${APPLICATION:?name the application}
role=${ROLE:?name the execution role: ROLE=arn:aws:iam::…}
bucket=${BUCKET:?name the bucket that has environment.tar.gz}
aws s3 cp "${here}/../doctor.py" "s3://${bucket}/doctor.py"
driver=$(sed "s/BUCKET/${bucket}/g" "${here}/job-driver.json")
exec aws emr-serverless start-job-run --application-id "${application}" --execution-role-arn "${role}" \
    --name bowstring --job-driver "${driver}"

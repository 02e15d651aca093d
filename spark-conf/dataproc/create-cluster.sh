#!/bin/bash
# Creates a small cluster with bowstring: BUCKET=… WHEEL=bowstring-….whl REGION=… create-cluster.sh
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bucket=${BUCKET:?name the bucket that has the wheel}
wheel=${WHEEL:?name the wheel, as it is called in the bucket}
region=${REGION:?name the region}
bin=${PYTHON_FOLDER:-/opt/conda/default/bin}
gcloud storage cp "${here}/init-action.sh" "gs://${bucket}/init-action.sh"
# properties.txt has one property a line; gcloud takes them in one argument, with a delimiter that no value has.
properties=$(sed -e '/^#/d' -e '/^$/d' -e "s|PYTHON_FOLDER|${bin}|" "${here}/properties.txt" | paste -sd'|')
exec gcloud dataproc clusters create "${CLUSTER:-bowstring}" --region "${region}" --image-version "${IMAGE:-2.2-debian12}" \
    --num-workers 2 --initialization-actions "gs://${bucket}/init-action.sh" \
    --metadata "bowstring-wheel=gs://${bucket}/${wheel},bowstring-python=${bin}/python" \
    --properties "^|^${properties}"

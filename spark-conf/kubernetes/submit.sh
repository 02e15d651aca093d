#!/bin/bash
# Submits a program that is in the image to Kubernetes, without the operator:
#   API_SERVER=https://host:6443 IMAGE=registry/bowstring-spark:4.3.0 submit.sh local:///opt/app/program.py [ARGUMENT…]
# Without a program: asks every executor whether bowstring serves it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
server=${API_SERVER:?name the API server: API_SERVER=https://host:6443, see kubectl cluster-info}
image=${IMAGE:-bowstring-spark:4.3.0}
if [[ $# -eq 0 ]]; then
    set -- local:///opt/venv/lib/python3.11/site-packages/bowstring/doctor/__main__.py --spark
fi
exec spark-submit --master "k8s://${server}" --properties-file "${here}/spark-defaults.conf" \
    --conf "spark.kubernetes.container.image=${image}" \
    --conf "spark.kubernetes.driver.podTemplateFile=${here}/driver-pod.yaml" \
    --conf "spark.kubernetes.executor.podTemplateFile=${here}/executor-pod.yaml" \
    "$@"

#!/bin/bash
# Initialization action of Dataproc: installs bowstring into the Python that Spark uses, on every node.
# Metadata of the cluster: bowstring-wheel (gs://BUCKET/bowstring-….whl), and bowstring-python, if that Python is not the
# one of the image's conda environment.
set -euo pipefail

metadata=/usr/share/google/get_metadata_value
wheel=$("${metadata}" attributes/bowstring-wheel)
python=$("${metadata}" attributes/bowstring-python || echo /opt/conda/default/bin/python)
folder=$(mktemp -d)
gcloud storage cp "${wheel}" "${folder}/"
"${python}" -m pip --disable-pip-version-check install --no-deps "${folder}/${wheel##*/}"
rm -r "${folder}"
# Fails here, and not in the first job, if the wheel is for another Python.
"${python}" -m bowstring --version

#!/bin/bash
# Bootstrap action of EMR on EC2: makes the environment /opt/bowstring on every node, before Spark is installed.
# Arguments: the wheel's address (s3://BUCKET/bowstring-….whl), and the Python to use; without one, python3.11.
set -euo pipefail

wheel=${1:?name the wheel: s3://BUCKET/bowstring-….whl}
python=${2:-python3.11}
# The versions of docs/compatibility.md for Spark 3.5. For EMR 8 take those of its Spark line.
packages=(pandas==2.2.3 pyarrow==19.0.1 numpy==1.26.4)

# Amazon Linux 2023 has Python 3.9 as python3, for which there is no wheel.
if ! command -v "${python}" >/dev/null; then
    sudo dnf install -y "${python}"
fi
folder=$(mktemp -d)
aws s3 cp "${wheel}" "${folder}/"
sudo "${python}" -m venv /opt/bowstring
# PySpark is not installed: Spark puts its own on the path.
sudo /opt/bowstring/bin/python -m pip --disable-pip-version-check install "${packages[@]}" "${folder}/${wheel##*/}"
rm -r "${folder}"
/opt/bowstring/bin/bowstring --version

"""What `spark-conf/` says can be so: files that parse, properties that Spark has, pods that Kubernetes takes.

Needs no Spark and no cluster. `spark_properties.txt` beside this file lists the properties of the newest Spark; after a
new one has been added, make it again:

    integration/.venvs/spark-4.3.0/bin/python tests/unit/spark_properties.py > tests/unit/spark_properties.txt
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.validate import validate_parameters
from bowstring.doctor import cluster
from bowstring.doctor.judge import Finding, Verdict
from kubeflow_spark_api import models

from integration import environments

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "spark-conf"
PLATFORMS = sorted(path for path in FOLDER.iterdir() if path.is_dir())
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def of_kind(*endings: str) -> list[Path]:
    found = [path for path in FILES if path.suffix in endings]
    assert found, endings
    return found


# Properties.

PROPERTIES = Path(__file__).with_name("spark_properties.txt")

WITHOUT_AN_ENTRY = {"spark.master", "spark.app.name", "spark.local.dir", "spark.python.profile"}
"""What Spark, or its Python, reads by its name: its documentation has it, and its registry has no entry for it."""

PREFIXES = {
    # https://spark.apache.org/docs/latest/configuration.html and running-on-yarn.html, running-on-kubernetes.html
    "spark.executorEnv.",
    "spark.yarn.appMasterEnv.",
    "spark.kubernetes.driverEnv.",
    # https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/jobs-spark.html
    "spark.emr-serverless.driverEnv.",
}
"""Before the name of an environment variable."""

METHODS = ("spark.conf.", "spark.sparkContext.")
"""A session's attributes in text about Python."""


@cache
def properties() -> dict[str, str]:
    """The release in which each came."""
    rows = [line.partition(" ") for line in PROPERTIES.read_text().splitlines() if not line.startswith("#")]
    return {key: since for key, _, since in rows}


@cache
def own_settings() -> set[str]:
    """Of bowstring, from its page, which another test compares with the program."""
    return set(re.findall(r"(?m)^\| `(BOWSTRING_\w+)` \|", (ROOT / "docs/settings.md").read_text()))


def named_properties(text: str) -> set[str]:
    """What looks like one. Addresses, calls, and files such as `spark-defaults.conf` do not."""
    text = re.sub(r"https?://\S+", "", text)
    words = re.findall(r"(?<![\w.$/-])(spark(?:\.[A-Za-z][\w-]*)++\.?)(?![(/])", text)
    return {word for word in words if not word.startswith(METHODS)}


def is_known(word: str) -> bool:
    """A property; a prefix as such; a prefix with the name of a variable, which must be ours if it is called so."""
    word = word.removesuffix(".")
    if word in properties() or word in WITHOUT_AN_ENTRY or f"{word}." in PREFIXES:
        return True
    for prefix in PREFIXES:
        variable = word.removeprefix(prefix)
        if variable != word and re.fullmatch(r"[A-Z][A-Z0-9_]*", variable):
            # As in `BOWSTRING_*`.
            return not variable.startswith("BOWSTRING_") or variable in own_settings() or variable == "BOWSTRING_"
    return False


def test_the_list_is_of_the_newest_spark() -> None:
    head = PROPERTIES.read_text().splitlines()[0]
    assert head.startswith(f"# Spark {environments.NEWEST.removeprefix('spark-')},"), head
    assert len(properties()) > 1_500


@pytest.mark.parametrize("path", [*FILES, *PAGES], ids=name)
def test_spark_has_the_properties_that_are_named(path: Path) -> None:
    assert sorted(word for word in named_properties(path.read_text()) if not is_known(word)) == []


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix == ".conf"], ids=name)
def test_every_line_of_a_configuration_is_a_property_with_a_value(path: Path) -> None:
    """Spark itself ignores a line whose key does not begin with `spark.`, with a warning."""
    lines = [line.split(None, 1) for line in path.read_text().splitlines() if line.strip() and line[0] != "#"]
    assert lines
    assert [line for line in lines if len(line) != 2 or not is_known(line[0])] == []
    assert len({line[0] for line in lines}) == len(lines)


def test_the_recommended_settings_came_with_the_release_that_is_said() -> None:
    """The column of the index: a line of Spark, where a property is newer than 3.5."""
    table = (FOLDER / "README.md").read_text().partition("## Recommended settings")[2]
    rows = [[cell.strip() for cell in row.strip("| ").split("|")] for row in table.splitlines() if "| `spark." in row]
    assert len(rows) > 5
    for row in rows:
        [first, *_] = re.findall(r"`(spark[\w.]+)", row[0])
        since = properties().get(first, "")
        line = ".".join(since.split(".")[:2]) if since >= "3.6" else ""
        assert row[1] == line, row


# The forms of the files.


class NoDuplicates(yaml.SafeLoader):
    """PyYAML takes the last of two values for a key."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        assert len(set(keys)) == len(keys), f"twice the same key: {sorted(map(str, keys))}, {node.start_mark}"
        return super().construct_mapping(node, deep)


def load_yaml(path: Path) -> list[dict[str, Any]]:
    return list(yaml.load_all(path.read_text(), NoDuplicates))


@pytest.mark.parametrize("path", of_kind(".json"), ids=name)
def test_json_parses(path: Path) -> None:
    """With no key twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs), pairs
        return dict(pairs)

    json.loads(path.read_text(), object_pairs_hook=once)


def test_json_in_pages_parses() -> None:
    """Every block of it; and what sparkmagic is given."""
    blocks = [
        (name(path), block.partition("%%configure -f\n")[2] or block)
        for path in of_kind(".md")
        for block in re.findall(r"(?ms)^```json\n(.*?)^```", path.read_text())
    ]
    assert blocks
    for page, block in blocks:
        assert json.loads(block), page


REQUESTS = {
    # A request of Amazon's, and where in it the file belongs.
    "emr/configurations.json": ("emr", "RunJobFlow", "Configurations"),
    "emr-serverless/job-driver.json": ("emr-serverless", "StartJobRun", "jobDriver"),
    "glue/job.json": ("glue", "CreateJob", ""),
}

LIVY = {"kind", "file", "name", "archives", "conf"}
"""Of the bodies of its requests what we use, by its page. Nobody publishes a model of them."""

KERNEL = {"argv", "display_name", "language", "env"}
"""The same of Jupyter's kernels."""


@pytest.mark.parametrize("path", of_kind(".json"), ids=name)
def test_json_has_the_fields_that_its_reader_knows(path: Path) -> None:
    """Amazon's by the models that its client library has of every request."""
    content = json.loads(path.read_text())
    request = REQUESTS.get(str(path.relative_to(FOLDER)))
    if request is None:
        assert set(content) <= (KERNEL if path.name == "kernel.json" else LIVY)
        return
    service, operation, field = request
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    assert shape is not None
    if field:
        # Scripts give the rest of the request.
        shape.metadata["required"] = [field]
        content = {field: content}
    validate_parameters(content, shape)


KINDS = {"Pod": models.IoK8sApiCoreV1Pod, "SparkApplication": models.SparkV1beta2SparkApplication}


@pytest.mark.parametrize("path", of_kind(".yaml"), ids=name)
def test_kubernetes_knows_every_field(path: Path) -> None:
    """By the models that the operator's authors publish: of fields that they do not know, nothing comes back."""
    documents = load_yaml(path)
    assert documents
    for document in documents:
        model = KINDS[document["kind"]].from_dict(document)
        assert model is not None
        assert model.to_dict() == document


def pods() -> dict[str, dict[str, Any]]:
    """The specifications of all pods, by who says them."""
    found = {}
    for path in of_kind(".yaml"):
        for document in load_yaml(path):
            if document["kind"] == "Pod":
                found[name(path)] = document["spec"]
            else:
                for role in ("driver", "executor"):
                    found[f"{name(path)} {role}"] = document["spec"][role]["template"]["spec"]
    return found


@pytest.mark.parametrize("pod", pods())
def test_pods_may_do_no_more_than_they_need(pod: str) -> None:
    """No root, no capabilities, and nothing to write to but empty folders."""
    spec = pods()[pod]
    assert {key: spec["securityContext"][key] for key in ("runAsNonRoot", "runAsUser", "seccompProfile")} == {
        "runAsNonRoot": True,
        "runAsUser": 185,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    [container] = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert [mount["name"] for mount in container["volumeMounts"]] == list(volumes)
    assert all("emptyDir" in volume for volume in volumes.values())


def test_the_application_has_the_pods_of_the_templates() -> None:
    """The operator and plain spark-submit start the same."""
    spec = pods()
    for role in ("driver", "executor"):
        template = spec[f"spark-conf/kubernetes/{role}-pod.yaml"]
        assert spec[f"spark-conf/kubernetes/spark-application.yaml {role}"] == template


@pytest.mark.parametrize("path", of_kind(".sh"), ids=name)
def test_shellcheck_finds_nothing(path: Path) -> None:
    """Its wheel has the program inside: there is nothing to skip."""
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, "--enable=all", "--severity=style", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/bin/bash\n")
    assert re.search(r"(?m)^set -euo pipefail$", path.read_text())


# The pages.

HEADINGS = ("## Install", "## Submit", "## What the doctor prints", "## Tested here, and not")


@pytest.mark.parametrize("path", PLATFORMS, ids=name)
def test_a_platform_has_what_every_platform_has(path: Path) -> None:
    """A page of one screen or two, with the documentation that it was written from; a line in both indexes."""
    page = (path / "README.md").read_text()
    assert [heading for heading in HEADINGS if f"\n{heading}\n" not in page] == []
    assert re.search(r"\]\(https://", page), "no documentation is named"
    assert len(page.splitlines()) <= 110
    assert f"]({path.name}/README.md)" in (FOLDER / "README.md").read_text()
    assert f"](../spark-conf/{path.name}/README.md)" in (ROOT / "docs/install.md").read_text()
    verdicts = page.partition("## Tested here, and not\n")[2]
    assert re.search(r"(?m)^\* \*\*Tested here:\*\* \S", verdicts)
    assert re.search(r"(?m)^\* \*\*Not tested:\*\* \S", verdicts)


@pytest.mark.parametrize("path", PLATFORMS, ids=name)
def test_every_file_of_a_platform_is_named_in_its_page(path: Path) -> None:
    page = (path / "README.md").read_text()
    assert [file.name for file in path.iterdir() if file.name != "README.md" and f"({file.name})" not in page] == []


def tables(page: str) -> list[list[str]]:
    """The doctor's tables, by their lines."""
    blocks = re.findall(r"(?ms)^```text\n(.*?)^```", page)
    return [block.splitlines() for block in blocks if block.startswith("host ")]


@pytest.mark.parametrize("path", PLATFORMS, ids=name)
def test_the_doctors_table_is_as_the_doctor_prints_it(path: Path) -> None:
    """Printed anew from what its rows say."""
    found = tables((path / "README.md").read_text())
    assert found
    for lines in found:
        hosts = []
        for line in lines[1:]:
            host, *texts, verdict = re.split(r" {2,}", line)
            assert verdict == "all native"
            about = ("bowstring", "Python", "PySpark", "pandas", "pyarrow")
            assert len(texts) == len(about), line
            hosts.append((host, [Finding(word, Verdict.FINE, text) for word, text in zip(about, texts)]))
        assert cluster.table(hosts).splitlines() == lines

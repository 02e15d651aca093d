"""The command line of the doctor."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from . import report
from .judge import DAEMON_MODULE, OURS, Finding, Verdict, foreign_daemon

HELP_END = """\
exit code: 0 all native, 1 works but not all native, 2 will not work

in a notebook:
  from bowstring.doctor import executors
  print(executors(spark))
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the doctor; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="bowstring doctor",
        description="Says whether bowstring will be used here, and why not.",
        epilog=HELP_END,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one object of JSON instead of lines")
    parser.add_argument("--brief", action="store_true", help="one line for each thing to know or to cure, no more")
    parser.add_argument("--no-tasks", action="store_true", help="start no daemons, which takes some seconds")
    parser.add_argument("--spark", action="store_true", help="under spark-submit: ask every executor")
    parser.add_argument("--bowstring", metavar="PATH", help="the executable; default: the one of this environment")
    chosen = parser.parse_args(arguments)
    if chosen.spark:
        return on_cluster(chosen.json)
    findings = []
    for finding in found_here(chosen.bowstring, not chosen.no_tasks):
        findings.append(finding)
        if chosen.brief and not chosen.json:
            if finding.verdict is not Verdict.FINE or finding.cure:
                print(report.brief(finding), flush=True)
        elif not chosen.json:
            print(report.line(finding), flush=True)
    if chosen.json:
        json.dump(report.as_json(findings), sys.stdout, indent=2)
        print()
    elif not chosen.brief:
        print(f"\n{report.ENDS[report.worst(findings)]}")
    return int(report.worst(findings))


def found_here(bowstring: str | None, tasks: bool) -> Any:
    """Findings on this host."""
    from . import host

    if bowstring is None:
        from .._find import find_bowstring

        try:
            bowstring = find_bowstring()
        except FileNotFoundError as error:
            cure = "install bowstring into this environment again: its executable and its package belong together"
            return [Finding("bowstring", Verdict.BROKEN, str(error), cure)]
    return host.examine(os.path.abspath(bowstring), tasks)


def on_cluster(as_json: bool) -> int:
    """Asks the executors of the session that the caller's spark-submit has configured."""
    from pyspark.sql import SparkSession

    from . import cluster

    spark = SparkSession.builder.appName("bowstring doctor").getOrCreate()
    module = spark.conf.get(DAEMON_MODULE, None) or ""
    hosts = cluster.judged(cluster.ask(spark))
    spark.stop()
    everywhere = [foreign_daemon(module)] if module and module not in OURS else []
    findings = [finding for _, of_host in hosts for finding in of_host] + everywhere
    if as_json:
        reports = {name: report.as_json(of_host) for name, of_host in hosts}
        if everywhere:
            reports["every host"] = report.as_json(everywhere)
        json.dump(reports, sys.stdout, indent=2)
        print()
    else:
        print("\n".join([cluster.table(hosts), *map(report.line, everywhere)]))
    return int(report.worst(findings))

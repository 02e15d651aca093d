//! Scripts in the place of the Python: what they set reaches the workers, or the daemon does not start.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and clippy knows only functions marked as tests"
)]

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::jvm::{
    Connection, Daemon, EVALUATOR, Scratch, daemon, group_members, lives, parent, signal,
    test_python, wait_for, with_evaluator,
};
use crate::{IPV4, WORKER};

/// A script whose `$PYTHON` is the Python, and the command of a daemon that is to use it.
fn scripted(scratch: &Scratch, command: &mut Command, lines: &str) {
    let python = test_python();
    let text = format!("#!/bin/sh\nPYTHON='{}'\n{lines}\n", python.display());
    scratch.write("launcher", &text);
    let script = scratch.0.join("launcher");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    command.env("BOWSTRING_PYTHON", &script);
}

/// A daemon with workers that evaluate, by way of a script.
fn evaluating(lines: &str) -> (Daemon, Scratch) {
    let mut command = daemon(EVALUATOR);
    let scratch = with_evaluator(&mut command);
    scripted(&scratch, &mut command, lines);
    (Daemon::start(&mut command), scratch)
}

/// Why a daemon with this script does not start, in one line.
fn refusal(lines: &str) -> String {
    refusal_within("60", lines)
}

fn refusal_within(timeout: &str, lines: &str) -> String {
    let scratch = Scratch::new();
    let mut command = daemon(WORKER);
    // Runs the code inside itself, as a debugger does; with its first argument it traces.
    scratch.write(
        "inside.py",
        "import sys\n\
         if sys.argv[1] == 'trace':\n\
         \x20   sys.settrace(lambda *_: None)\n\
         exec(sys.argv[3])\n",
    );
    scratch.write(
        "sitecustomize.py",
        "import sys\nsys.version_info = 3, 1, 5\n",
    );
    scripted(&scratch, &mut command, lines);
    command
        .current_dir(&scratch.0)
        .env("BOWSTRING_PYTHON_TIMEOUT", timeout);
    let (status, stderr) = Daemon::start(&mut command).ended();
    assert_eq!(status.code(), Some(1), "{stderr}");
    let line = stderr.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "{stderr}");
    let script = scratch.0.join("launcher");
    assert!(line.contains(script.to_str().unwrap()), "{line}");
    line.to_owned()
}

#[test]
fn what_a_script_sets_reaches_the_workers() {
    let (mut daemon, scratch) = evaluating(
        "echo hello\n\
         case \"$*\" in *'-m pyspark.daemon pyspark_evaluator'*) export FOR_THE_DAEMON=1;; esac\n\
         export BY_SCRIPT='a  b' PYTHONPATH=\"$PWD/more:$PYTHONPATH\"\n\
         export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-3}\n\
         ulimit -n 777; umask 077; trap '' USR1\n\
         cd /\n\
         exec \"$PYTHON\" -s -W error::BytesWarning -X utf8=1 \"$@\"",
    );
    let port = daemon.port();
    let mut worker = Connection::authenticated((IPV4, port));
    let mut ask = |code: &str| worker.say(code);
    assert_eq!(ask("os.environ['BY_SCRIPT']"), "'a  b'");
    assert_eq!(ask("os.environ['FOR_THE_DAEMON']"), "'1'");
    assert_eq!(ask("os.environ['OPENBLAS_NUM_THREADS']"), "'3'");
    assert_eq!(ask("os.environ.get('JE_ARROW_MALLOC_CONF')"), "None");
    assert_eq!(ask("os.getcwd(), sys.path[0]"), "('/', '/')");
    assert_eq!(ask("sys.path[1].endswith('/more')"), "True");
    assert_eq!(ask("sys.path[2]"), format!("'{}'", scratch.0.display()));
    assert_eq!(ask("__import__('resource').getrlimit(7)[0]"), "777");
    assert_eq!(ask("os.umask(0)"), "63");
    assert_eq!(ask("__import__('signal').getsignal(10).name"), "'SIG_IGN'");
    let flags = "sys.flags.no_user_site, sys.flags.utf8_mode, sys.warnoptions, sys._xoptions";
    assert_eq!(ask(flags), "(1, 1, ['error::BytesWarning'], {'utf8': '1'})");
    let python = test_python();
    assert_eq!(ask("sys.executable"), format!("'{}'", python.display()));
    assert!(daemon.close().contains("hello"));
}

#[test]
fn a_script_with_a_bare_star_works() {
    let (mut daemon, _scratch) = evaluating("exec $PYTHON $*");
    let port = daemon.port();
    let mut worker = Connection::authenticated((IPV4, port));
    assert_eq!(worker.say("6 * 7"), "42");
    daemon.close();
}

#[test]
fn the_path_of_a_program_around_the_code_is_kept() {
    let (mut daemon, scratch) = evaluating("exec \"$PYTHON\" \"${0%/*}/around.py\" \"$@\"");
    let around = "import sys\nsys.path = ['', '/added', *sys.path[1:]]\nexec(sys.argv[2])\n";
    scratch.write("around.py", around);
    let port = daemon.port();
    let mut worker = Connection::authenticated((IPV4, port));
    assert_eq!(worker.say("sys.path[:2]"), "['', '/added']");
    daemon.close();
}

#[test]
fn a_script_may_run_its_python_as_a_child_and_outlive_it() {
    let (mut daemon, _scratch) = evaluating("\"$PYTHON\" \"$@\"\nsleep 600");
    let port = daemon.port();
    let mut first = Connection::authenticated((IPV4, port));
    let zygote = parent(first.pid);
    assert_ne!(parent(zygote), daemon.pid());
    daemon.kill_worker(first.pid);
    first.closed();
    signal(zygote, "KILL");
    let mut second = wait_for("a worker of the next zygote", || {
        let worker = Connection::authenticated((IPV4, port));
        (lives(worker.pid) && parent(worker.pid) != zygote && parent(worker.pid) != daemon.pid())
            .then_some(worker)
    });
    assert_eq!(second.say("os.getpid()"), second.pid.to_string());
    drop(daemon.stdin.take());
    let (status, stderr) = daemon.ended();
    assert_eq!(status.code(), Some(0), "{stderr}");
    second.closed();
}

#[test]
fn a_session_of_its_own_ends_with_the_daemon() {
    for lines in [
        "exec setsid \"$PYTHON\" \"$@\"",
        "setsid \"$PYTHON\" \"$@\"",
    ] {
        let (mut daemon, _scratch) = evaluating(lines);
        let port = daemon.port();
        let mut busy = Connection::authenticated((IPV4, port));
        assert!(!group_members(daemon.pid()).contains(&busy.pid));
        daemon.close();
        busy.closed();
        wait_for("the worker to die", || (!lives(busy.pid)).then_some(()));
    }
}

#[test]
fn a_script_that_starts_no_python_is_refused() {
    let ended = refusal("exit 3");
    assert!(
        ended.contains("exited with code 3") && ended.contains("exec python \"$@\""),
        "{ended}"
    );
    let other = refusal("test \"$1\" = -m && exec \"$PYTHON\" \"$@\"");
    assert!(other.contains("exited with code 1"), "{other}");
}

#[test]
fn a_script_that_never_comes_to_its_python_is_refused() {
    for lines in [
        "exec sleep 600",
        "sleep 600; exec \"$PYTHON\" \"$@\"",
        "read line",
    ] {
        let line = refusal_within("1", lines);
        assert!(
            line.contains("within 1 s (BOWSTRING_PYTHON_TIMEOUT)"),
            "{line}"
        );
    }
}

#[test]
fn a_script_whose_python_would_lose_something_is_refused() {
    let module = refusal("exec \"$PYTHON\" -m inside plain \"$@\"");
    assert!(module.contains("`-m inside`"), "{module}");
    let traced = refusal("exec \"$PYTHON\" inside.py trace \"$@\"");
    assert!(traced.contains("`inside.py` watches"), "{traced}");
}

#[test]
fn a_script_that_leads_to_another_version_is_refused() {
    let line = refusal("PYTHONPATH=\"$PWD\" exec \"$PYTHON\" \"$@\"");
    let python = test_python();
    assert!(
        line.contains(&format!("{} is Python 3.1, but", python.display())),
        "{line}"
    );
}

#[test]
fn a_variable_that_a_script_sets_is_checked_too() {
    let line = refusal("BOWSTRING_READ_AHEAD_BYTES=many exec \"$PYTHON\" \"$@\"");
    assert!(
        line.contains("BOWSTRING_READ_AHEAD_BYTES=many is not a number"),
        "{line}"
    );
}

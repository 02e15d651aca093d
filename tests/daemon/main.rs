//! The real binary against a client that plays the JVM.
//!
//! Needs `BOWSTRING_TEST_PYTHON`, an interpreter with PySpark. Deadlines, not sleeps, decide.

#![cfg(feature = "embedded")]

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

mod jvm;
mod launchers;

use jvm::{
    Connection, Daemon, EVALUATOR, SECRET, Scratch, bowstring, daemon, group_members, lives,
    parent, read_i32, signal, wait_for, with_evaluator,
};

const WORKER: &str = "pyspark.worker";
const IPV4: &str = "127.0.0.1";

#[test]
fn names_a_living_process_and_accepts_the_secret() {
    let mut daemon = Daemon::start(&mut daemon(WORKER));
    let port = daemon.port();
    let connection = Connection::authenticated((IPV4, port));
    assert!(lives(connection.pid));
    assert!(group_members(daemon.pid()).contains(&connection.pid));
    daemon.close();
}

#[test]
fn listens_on_ipv6_if_the_jvm_prefers_it() {
    let mut daemon = Daemon::start(daemon(WORKER).env("SPARK_PREFER_IPV6", "True"));
    let port = daemon.port();
    assert!(lives(Connection::authenticated(("::1", port)).pid));
    daemon.close();
}

#[test]
fn listens_on_a_socket_file_and_removes_it() {
    let scratch = Scratch::new();
    let mut command = daemon(WORKER);
    command
        .env_remove("PYTHON_WORKER_FACTORY_SECRET")
        .env("PYTHON_UNIX_DOMAIN_ENABLED", "True")
        .env("PYTHON_WORKER_FACTORY_SOCK_DIR", &scratch.0);
    let mut daemon = Daemon::start(&mut command);
    let length = usize::try_from(daemon.read_i32()).unwrap();
    let path = PathBuf::from(String::from_utf8(daemon.read(length)).unwrap());
    assert!(
        path.starts_with(&scratch.0) && path.exists(),
        "{}",
        path.display()
    );
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(jvm::DEADLINE)).unwrap();
    assert!(lives(read_i32(&mut stream).unwrap()));
    drop(stream);
    daemon.close();
    assert!(!path.exists());
}

#[test]
fn refuses_a_wrong_secret_and_keeps_the_worker_for_the_next() {
    let mut daemon = Daemon::start(daemon(WORKER).env("BOWSTRING_SPARE_WORKERS", "1"));
    let port = daemon.port();
    for wrong in ["", "open", "open sesamE", "open sesame "] {
        let mut stranger = Connection::open((IPV4, port));
        assert_eq!(stranger.say(wrong), "err");
        stranger.closed();
    }
    assert!(lives(Connection::authenticated((IPV4, port)).pid));
    daemon.close();
}

#[test]
fn refuses_to_start_with_a_setting_that_makes_no_sense() {
    for (name, value) in [
        ("BOWSTRING_NATIVE", "verify:2"),
        ("BOWSTRING_ERROR_NOTES", "maybe"),
        ("BOWSTRING_SPARE_WORKERS", "many"),
        ("BOWSTRING_SPARE_WORKERS", "257"),
        ("BOWSTRING_SPARE_WORKERS", ""),
        ("BOWSTRING_READ_AHEAD_BYTES", "1099511627777"),
        ("BOWSTRING_PYTHON_TIMEOUT", "0"),
        ("BOWSTRING_PYTHON", "/nowhere/python"),
        ("BOWSTRING_PREIMPORT", "numpy pandas"),
        ("BOWSTRING_LOG", "loud"),
        ("BOWSTRING_LOG_FORMAT", "xml"),
        ("BOWSTRING_DISABLE", "yes"),
    ] {
        let output = daemon(WORKER).env(name, value).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(&format!("{name}={value} is not ")), "{said}");
    }
}

#[test]
fn a_silent_peer_delays_nobody() {
    let mut daemon = Daemon::start(&mut daemon(WORKER));
    let port = daemon.port();
    let silent: Vec<_> = (0..10).map(|_| Connection::open((IPV4, port))).collect();
    for _ in 0..10 {
        Connection::authenticated((IPV4, port));
    }
    drop(silent);
    daemon.close();
}

#[test]
fn garbage_hurts_only_its_sender() {
    let mut daemon = Daemon::start(&mut daemon(WORKER));
    let port = daemon.port();
    let huge = i32::MAX.to_be_bytes();
    let garbage: [&[u8]; 5] = [
        b"",
        b"\0\0",
        b"GET / HTTP/1.1\r\n\r\n",
        &huge,
        b"\xff\xff\xff\xffxx",
    ];
    for bytes in garbage {
        let mut stranger = Connection::open((IPV4, port));
        stranger.stream.write_all(bytes).unwrap();
        // It may have been refused already, which is as good.
        drop(stranger.stream.shutdown(Shutdown::Write));
        stranger.closed();
    }
    Connection::authenticated((IPV4, port));
    daemon.close();
}

#[test]
fn kills_the_worker_that_standard_input_names_and_no_other() {
    let mut daemon = Daemon::start(&mut daemon(WORKER));
    let port = daemon.port();
    let mut victim = Connection::authenticated((IPV4, port));
    let bystander = Connection::authenticated((IPV4, port));
    let mut foreign = Command::new("sleep").arg("600").spawn().unwrap();
    let own = daemon.pid();
    for pid in [
        i32::try_from(foreign.id()).unwrap(),
        own,
        0,
        -1,
        -own,
        parent(bystander.pid),
    ] {
        daemon.kill_worker(pid);
    }
    // Orders are carried out one after another, so the others have been looked at when this one is done.
    daemon.kill_worker(victim.pid);
    victim.closed();
    wait_for("the victim to die", || (!lives(victim.pid)).then_some(()));
    assert!(foreign.try_wait().unwrap().is_none());
    assert!(lives(bystander.pid) && lives(parent(bystander.pid)));
    foreign.kill().unwrap();
    foreign.wait().unwrap();
    let log = daemon.close();
    assert!(!log.contains("died of"), "an order is no alarm: {log}");
}

#[test]
fn the_end_of_standard_input_ends_everything() {
    let mut daemon = Daemon::start(&mut daemon(WORKER));
    let port = daemon.port();
    let mut busy = Connection::authenticated((IPV4, port));
    daemon.close();
    busy.closed();
}

#[test]
fn sigterm_ends_everything_with_code_1() {
    let mut daemon = Daemon::start(&mut daemon(WORKER));
    let port = daemon.port();
    let mut busy = Connection::authenticated((IPV4, port));
    signal(daemon.pid(), "TERM");
    let (status, _) = daemon.ended();
    assert_eq!(status.code(), Some(1));
    busy.closed();
}

#[test]
fn sigterm_ends_a_worker_at_once_even_a_waiting_one() {
    let mut command = daemon(EVALUATOR);
    let _scratch = with_evaluator(&mut command);
    let mut daemon = Daemon::start(&mut command);
    let port = daemon.port();
    let mut connection = Connection::authenticated((IPV4, port));
    signal(connection.pid, "TERM");
    connection.closed();
    wait_for("the worker to die", || {
        (!lives(connection.pid)).then_some(())
    });
    daemon.close();
}

#[test]
fn says_in_one_line_that_pyspark_is_missing() {
    let scratch = Scratch::new();
    let missing = "raise ModuleNotFoundError(\"No module named 'pyspark'\")\n";
    scratch.write("pyspark/__init__.py", missing);
    let daemon = Daemon::start(daemon(WORKER).env("PYTHONPATH", &scratch.0));
    let (status, stderr) = daemon.ended();
    assert_eq!(status.code(), Some(1));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("No module named 'pyspark'"), "{stderr}");
}

#[test]
fn says_in_one_line_that_the_secret_is_missing() {
    let daemon = Daemon::start(daemon(WORKER).env_remove("PYTHON_WORKER_FACTORY_SECRET"));
    let (status, stderr) = daemon.ended();
    assert_eq!((status.code(), stderr.lines().count()), (Some(1), 1));
    assert!(stderr.contains("PYTHON_WORKER_FACTORY_SECRET"), "{stderr}");
}

#[test]
fn says_in_one_line_that_the_python_is_another_version() {
    let scratch = Scratch::new();
    scratch.write("pyvenv.cfg", "home = /nowhere\nversion = 3.1.5\n");
    scratch.write("bin/placeholder", "");
    let program = scratch.0.join("bin/python");
    std::os::unix::fs::symlink(jvm::test_python(), &program).unwrap();
    let daemon = Daemon::start(daemon(WORKER).env("BOWSTRING_PYTHON", &program));
    let (status, stderr) = daemon.ended();
    assert_eq!((status.code(), stderr.lines().count()), (Some(1), 1));
    assert!(stderr.contains("is Python 3.1,"), "{stderr}");
}

#[test]
fn what_start_up_files_print_is_no_port() {
    let scratch = Scratch::new();
    scratch.write(
        "sitecustomize.py",
        "import os\nprint('hello')\nos.system('echo world')\n",
    );
    let mut daemon = Daemon::start(daemon(WORKER).env("PYTHONPATH", &scratch.0));
    let port = daemon.port();
    Connection::authenticated((IPV4, port));
    let stderr = daemon.close();
    assert!(
        stderr.contains("hello") && stderr.contains("world"),
        "{stderr}"
    );
}

#[test]
fn a_worker_looks_like_stocks() {
    let mut command = daemon(EVALUATOR);
    let scratch = with_evaluator(&mut command);
    command
        .env("BOWSTRING_PREIMPORT", "numpy,pandas,pyarrow")
        .env("SPARK_SIMPLIFIED_TRACEBACK", "1")
        .env("OPENBLAS_NUM_THREADS", "3")
        .current_dir(&scratch.0);
    let mut daemon = Daemon::start(&mut command);
    let port = daemon.port();
    let mut worker = Connection::authenticated((IPV4, port));
    let mut other = Connection::authenticated((IPV4, port));
    let pid = worker.pid;
    let mut ask = |code: &str| worker.say(code);

    assert_eq!(ask("os.getpid()"), pid.to_string());
    assert_eq!(ask("os.environ['OPENBLAS_NUM_THREADS']"), "'3'");
    assert_eq!(ask("os.environ.get('JE_ARROW_MALLOC_CONF')"), "None");
    assert_eq!(ask("'pandas' in sys.modules"), "True");
    assert_eq!(
        ask("sys.executable"),
        format!("'{}'", jvm::test_python().display())
    );
    assert_eq!(ask("sys.argv[1:]"), format!("['{EVALUATOR}']"));
    assert_eq!(ask("sys.argv[0].endswith('pyspark/daemon.py')"), "True");
    assert_eq!(ask("sys.path[0] == os.getcwd()"), "True");
    let main = "[getattr(sys.modules['__main__'], n) for n in ('__name__', '__package__')]";
    assert_eq!(ask(main), "['__main__', 'pyspark']");
    assert_eq!(
        ask("sys.modules['__main__'].__spec__.name"),
        "'pyspark.daemon'"
    );
    assert_eq!(ask("sys.stdin.read()"), "''");
    assert_eq!(ask("__import__('gc').isenabled()"), "True");
    let handlers = "{__import__('signal').getsignal(n).name for n in (1, 15, 17)}";
    assert_eq!(ask(handlers), "{'SIG_DFL'}");
    let threads = "len(os.listdir('/proc/self/task'))";
    assert_eq!(ask(threads), "3", "main thread and two of OpenBLAS");
    let square = "float((lambda a: (a @ a)[0, 0])(__import__('numpy').ones((500, 500))))";
    assert_eq!(ask(square), "500.0");

    let draw = "__import__('numpy').random.rand()";
    assert_ne!(
        ask(draw),
        other.say(draw),
        "workers must not draw the same numbers"
    );
    daemon.close();
}

#[test]
fn refuses_to_write_what_stocks_file_refuses() {
    let mut command = daemon(EVALUATOR);
    let scratch = with_evaluator(&mut command);
    scratch.write(
        "written.py",
        "def refusal(write, item):\n\
         \x20   try:\n\
         \x20       return f'{write(item)} bytes'\n\
         \x20   except Exception as error:\n\
         \x20       return repr(error)\n\
         def second(write_all):\n\
         \x20   return lambda item: write_all([b'', item])\n\
         def refusals(write):\n\
         \x20   gaps = memoryview(b'abcdef')[::2], memoryview(b'')[::2]\n\
         \x20   return [refusal(write, item) for item in (*gaps, 5, [1], 'text', None)]\n",
    );
    let mut daemon = Daemon::start(&mut command);
    let port = daemon.port();
    let mut worker = Connection::authenticated((IPV4, port));
    let stock = worker.say("__import__('written').refusals(open('/dev/null', 'wb').write)");
    assert!(stock.starts_with("[\"BufferError('memoryview: underlying buffer is not C-contig"));
    let ours = worker.say("__import__('written').refusals(outfile.write)");
    assert_eq!(ours, stock);
    let written = "__import__('written')";
    let pieces = worker.say(&format!(
        "{written}.refusals({written}.second(outfile.write_all))"
    ));
    assert_eq!(pieces, stock);
    assert_eq!(worker.say("outfile.write(memoryview(b''))"), "0");
    daemon.close();
}

#[test]
fn tells_which_signal_a_worker_died_of() {
    let mut command = daemon(EVALUATOR);
    let _scratch = with_evaluator(&mut command);
    let mut daemon = Daemon::start(&mut command);
    let port = daemon.port();
    let mut worker = Connection::authenticated((IPV4, port));
    let code = b"os.kill(os.getpid(), 11)";
    let length = i32::try_from(code.len()).unwrap();
    worker.stream.write_all(&length.to_be_bytes()).unwrap();
    worker.stream.write_all(code).unwrap();
    worker.closed();
    daemon.has_said(&format!(
        "worker {} died of signal 11 (SIGSEGV), peak memory",
        worker.pid
    ));
    daemon.close();
}

#[test]
fn survives_the_death_of_its_zygote() {
    let mut daemon = Daemon::start(&mut daemon(WORKER));
    let port = daemon.port();
    let before = Connection::authenticated((IPV4, port));
    signal(parent(before.pid), "KILL");
    let after: Vec<_> = (0..5)
        .map(|_| Connection::authenticated((IPV4, port)))
        .collect();
    assert!(lives(before.pid), "workers outlive their zygote");
    daemon.kill_worker(before.pid);
    wait_for("the orphan to be killed and reaped", || {
        (!PathBuf::from(format!("/proc/{}", before.pid)).exists()).then_some(())
    });
    drop(after);
    drop(daemon.stdin.take());
    let (status, stderr) = daemon.ended();
    assert_eq!(status.code(), Some(0));
    assert!(stderr.contains("zygote died of signal 9"), "{stderr}");
}

#[test]
fn a_module_that_starts_threads_is_imported_by_each_worker_instead() {
    let mut command = daemon(EVALUATOR);
    let scratch = with_evaluator(&mut command);
    let threaded = "import threading, time\n\
                    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n";
    scratch.write("threaded.py", threaded);
    command
        .env("BOWSTRING_PREIMPORT", "threaded")
        .env("SPARK_SIMPLIFIED_TRACEBACK", "1");
    let mut daemon = Daemon::start(&mut command);
    let port = daemon.port();
    let mut worker = Connection::authenticated((IPV4, port));
    assert_eq!(worker.say("'threaded' in sys.modules"), "False");
    let stderr = daemon.close();
    assert_eq!(stderr.matches("WARN").count(), 1, "{stderr}");
    assert!(stderr.contains("2 threads"), "{stderr}");
}

#[test]
fn what_an_rdd_daemon_imports_in_advance_waits_for_the_first_answer() {
    let mut command = daemon(EVALUATOR);
    let scratch = with_evaluator(&mut command);
    scratch.write("late.py", "open('imported', 'w').close()\n");
    command
        .env("BOWSTRING_PREIMPORT", "late")
        .env_remove("SPARK_SIMPLIFIED_TRACEBACK")
        .current_dir(&scratch.0);
    let mut daemon = Daemon::start(&mut command);
    let port = daemon.port();
    let mut first = Connection::authenticated((IPV4, port));
    // Time enough for an import that does not wait.
    let task = "__import__('time').sleep(0.3) or os.path.exists('imported')";
    assert_eq!(first.say(task), "False");
    wait_for("the import", || {
        scratch.0.join("imported").exists().then_some(())
    });
    wait_for("a worker that was forked after it", || {
        let mut worker = Connection::authenticated((IPV4, port));
        (worker.say("'late' in sys.modules") == "True").then_some(())
    });
    assert_eq!(first.say("'late' in sys.modules"), "False");
    daemon.close();
}

#[test]
fn anything_else_is_for_python() {
    let run = |arguments: &[&str]| bowstring(arguments).output().unwrap();
    let python = |arguments: &[&str]| {
        Command::new(jvm::test_python())
            .args(arguments)
            .output()
            .unwrap()
    };
    let asked: [&[&str]; 4] = [
        &["-VV"],
        &[
            "-c",
            "import sys; print(sys.executable, sys.prefix, sys.argv, sys.path); sys.exit(7)",
            "x",
        ],
        &["-m", "platform"],
        &["/nonexistent.py"],
    ];
    for arguments in asked {
        let (ours, theirs) = (run(arguments), python(arguments));
        assert_eq!(ours.stdout, theirs.stdout);
        assert_eq!(ours.status.code(), theirs.status.code());
    }
    let version = run(&["--version"]);
    assert!(version.stdout.starts_with(b"bowstring "));
}

#[test]
fn a_program_on_standard_input_is_for_python() {
    let mut plain = Daemon::start(&mut bowstring(&[]));
    let mut stdin = plain.stdin.take().unwrap();
    stdin.write_all(b"print(6 * 7, end='')").unwrap();
    drop(stdin);
    assert_eq!(plain.read(2), b"42");
    let (status, _) = plain.ended();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn switched_off_it_is_stocks_daemon() {
    let mut daemon = Daemon::start(daemon(WORKER).env("BOWSTRING_DISABLE", "1"));
    let port = daemon.port();
    let command = format!("/proc/{}/cmdline", daemon.pid());
    let mut words = String::new();
    std::fs::File::open(command)
        .unwrap()
        .read_to_string(&mut words)
        .unwrap();
    assert!(
        words.starts_with(jvm::test_python().to_str().unwrap()),
        "{words}"
    );
    assert_eq!(Connection::open((IPV4, port)).say(SECRET), "ok");
    drop(daemon.stdin.take());
    daemon.ended();
}

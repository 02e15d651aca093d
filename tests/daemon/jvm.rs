//! Plays the JVM: starts the real binary, reads the port, connects, authenticates, kills.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and clippy knows only functions marked as tests"
)]

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Far more than anything here takes; only a hang reaches it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// What peers must say.
pub(crate) const SECRET: &str = "open sesame";

/// The interpreter whose environment has PySpark.
pub(crate) fn test_python() -> PathBuf {
    std::env::var_os("BOWSTRING_TEST_PYTHON")
        .expect("set BOWSTRING_TEST_PYTHON to a Python that has pyspark, pandas and pyarrow")
        .into()
}

/// The binary, or what `BOWSTRING_BIN` names, with a clean environment and the test interpreter.
pub(crate) fn bowstring(arguments: &[&str]) -> Command {
    let built = || env!("CARGO_BIN_EXE_bowstring").into();
    let mut command = Command::new(std::env::var_os("BOWSTRING_BIN").unwrap_or_else(built));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("BOWSTRING_PYTHON", test_python());
    command
}

/// The command that Spark runs.
pub(crate) fn daemon(worker_module: &str) -> Command {
    let mut command = bowstring(&["-m", "pyspark.daemon", worker_module]);
    command
        .env("PYTHON_WORKER_FACTORY_SECRET", SECRET)
        .env("SPARK_REUSE_WORKER", "1");
    command
}

/// A directory of this test's own, gone at its end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bowstring-test-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A worker module that evaluates what it is sent. Its name starts with `pyspark`, so it is accepted.
pub(crate) const EVALUATOR: &str = "pyspark_evaluator";

/// Puts the evaluator where the daemon finds it.
pub(crate) fn with_evaluator(command: &mut Command) -> Scratch {
    let scratch = Scratch::new();
    scratch.write(
        "pyspark_evaluator.py",
        "import os, struct, sys\n\
         def main(infile, outfile):\n\
         \x20   head = infile.read(4)\n\
         \x20   if len(head) < 4:\n\
         \x20       sys.exit(1)\n\
         \x20   code = bytes(infile.read(struct.unpack('>i', head)[0])).decode()\n\
         \x20   answer = repr(eval(code)).encode()\n\
         \x20   outfile.write(struct.pack('>i', len(answer)) + answer)\n\
         \x20   outfile.flush()\n",
    );
    command.env("PYTHONPATH", &scratch.0);
    scratch
}

/// A running daemon; killed with its whole group when dropped.
pub(crate) struct Daemon {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<JoinHandle<()>>,
    /// What it has written to standard error so far.
    said: Arc<Mutex<String>>,
}

impl Daemon {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        Self {
            said,
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: Some(thread::spawn(move || {
                for line in stderr.lines() {
                    let mut heard = heard.lock().unwrap();
                    heard.push_str(&line.unwrap());
                    heard.push('\n');
                }
            })),
            child,
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Reads the number that the JVM takes for a port or a length.
    pub(crate) fn read_i32(&mut self) -> i32 {
        i32::from_be_bytes(self.read(4).try_into().unwrap())
    }

    pub(crate) fn read(&mut self, length: usize) -> Vec<u8> {
        let mut stdout = self.stdout.take().unwrap();
        let reader = within_deadline(move || {
            let mut bytes = vec![0; length];
            stdout.read_exact(&mut bytes).map(|()| (stdout, bytes))
        });
        let (stdout, bytes) = reader.expect("standard output ended");
        self.stdout = Some(stdout);
        bytes
    }

    pub(crate) fn port(&mut self) -> u16 {
        u16::try_from(self.read_i32()).unwrap()
    }

    pub(crate) fn kill_worker(&mut self, pid: i32) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(&pid.to_be_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Waits until it has written `text` to standard error.
    pub(crate) fn has_said(&self, text: &str) {
        wait_for(text, || {
            self.said.lock().unwrap().contains(text).then_some(())
        });
    }

    /// Waits for its end and for that of its whole group; returns what it wrote to standard error, and
    /// whether anything but the port went to standard output.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let status = wait_for("the daemon to end", || self.child.try_wait().unwrap());
        let group = self.pid();
        wait_for("its processes to end", || {
            group_members(group).is_empty().then_some(())
        });
        let mut rest = Vec::new();
        self.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"", "more on standard output than the port");
        self.stderr.take().unwrap().join().unwrap();
        let said = self.said.lock().unwrap().clone();
        (status, said)
    }

    /// Lets go of standard input and waits for the end.
    pub(crate) fn close(mut self) -> String {
        drop(self.stdin.take());
        let (status, stderr) = self.ended();
        assert_eq!(status.code(), Some(0), "{stderr}");
        assert!(!stderr.contains("ERROR"), "{stderr}");
        stderr
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        for pid in group_members(self.pid()) {
            signal(pid, "KILL");
        }
    }
}

/// A connection and who serves it.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) pid: i32,
}

impl Connection {
    /// Connects and reads the pid.
    pub(crate) fn open(address: (&str, u16)) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let pid = read_i32(&mut stream).unwrap();
        Self { stream, pid }
    }

    /// Connects and authenticates.
    pub(crate) fn authenticated(address: (&str, u16)) -> Self {
        let mut connection = Self::open(address);
        assert_eq!(connection.say(SECRET), "ok");
        connection
    }

    /// Says something framed and reads the framed answer.
    pub(crate) fn say(&mut self, text: &str) -> String {
        let length = i32::try_from(text.len()).unwrap();
        let message = [&length.to_be_bytes(), text.as_bytes()].concat();
        self.stream.write_all(&message).unwrap();
        let length = read_i32(&mut self.stream).unwrap();
        let mut answer = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    /// Waits until the other side has closed.
    pub(crate) fn closed(&mut self) {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("not closed: {error}"),
        }
    }
}

pub(crate) fn read_i32(stream: &mut impl Read) -> io::Result<i32> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    Ok(i32::from_be_bytes(bytes))
}

/// Runs what may hang, and fails instead of hanging.
pub(crate) fn within_deadline<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || drop(sender.send(work())));
    receiver.recv_timeout(DEADLINE).expect("took too long")
}

/// Asks again and again until there is an answer.
pub(crate) fn wait_for<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(start.elapsed() < DEADLINE, "waited too long for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// State, parent and group out of `/proc/<pid>/stat`.
fn stat(pid: i32) -> Option<(char, i32, i32)> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The name before it may hold anything, parentheses too.
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((
        state,
        fields.next()?.parse().ok()?,
        fields.next()?.parse().ok()?,
    ))
}

/// Whether the process exists, not counting zombies.
pub(crate) fn lives(pid: i32) -> bool {
    stat(pid).is_some_and(|(state, ..)| state != 'Z')
}

pub(crate) fn parent(pid: i32) -> i32 {
    stat(pid).unwrap().1
}

/// Living processes of a group.
pub(crate) fn group_members(group: i32) -> Vec<i32> {
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| stat(*pid).is_some_and(|(state, _, of)| of == group && state != 'Z'))
        .collect()
}

pub(crate) fn signal(pid: i32, name: &str) {
    let status = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .stderr(Stdio::null())
        .status();
    drop(status);
}

//! Where workers that were forked before the self-test read what it found.
//!
//! A file in memory that the zygote makes before it forks and writes once. It exists because nobody waits
//! for the self-test of versions that are not on record, and no worker must stay with stock for that.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use rustix::fs::MemfdFlags;
use rustix::process::Pid;

/// Longer than any findings, which name a few dozen types.
const LIMIT: usize = 16 * 1024;

const REFUSED: &[u8] = b"refused";
const UNASKED: &[u8] = b"unasked";

/// What stands on the board.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The zygote will write something.
    NotYet,
    /// The native path is not for what is installed here.
    Refused,
    /// Nobody has run the self-test, and nobody else will.
    Unasked,
    /// What it found, see `record.py`.
    Findings(String),
}

#[derive(Debug)]
struct Board {
    file: OwnedFd,
    zygote: Pid,
}

static BOARD: OnceLock<Board> = OnceLock::new();

/// Puts up the board. For the zygote.
///
/// # Errors
///
/// The kernel's, for want of memory or descriptors.
pub(crate) fn put_up() -> io::Result<()> {
    let file = rustix::fs::memfd_create("bowstring-findings", MemfdFlags::CLOEXEC)?;
    let zygote = rustix::process::getpid();
    // A second one would not be seen by workers of the first.
    BOARD.set(Board { file, zygote }).ok();
    Ok(())
}

/// Writes on the board, if there is one. Once.
///
/// # Errors
///
/// The kernel's, for want of memory.
pub(crate) fn write(notice: &Notice) -> io::Result<()> {
    let (Some(board), Some(text)) = (BOARD.get(), encode(notice)) else {
        return Ok(());
    };
    // Readers see all of it or nothing: the kernel makes a file longer when the bytes are there.
    rustix::io::pwrite(&board.file, text, 0)?;
    Ok(())
}

/// Reads the board of the zygote that has forked this process.
pub(crate) fn read() -> Notice {
    let Some(board) = BOARD.get() else {
        return Notice::Unasked;
    };
    let mut text = vec![0; LIMIT];
    let length = rustix::io::pread(&board.file, &mut text[..], 0).unwrap_or(0);
    text.truncate(length);
    let notice = decode(text);
    if notice == Notice::NotYet && rustix::process::getppid() != Some(board.zygote) {
        // It has died before it could write.
        return Notice::Unasked;
    }
    notice
}

fn encode(notice: &Notice) -> Option<&[u8]> {
    match notice {
        Notice::NotYet => None,
        Notice::Refused => Some(REFUSED),
        Notice::Unasked => Some(UNASKED),
        Notice::Findings(text) => Some(text.as_bytes()),
    }
}

fn decode(text: Vec<u8>) -> Notice {
    match &text[..] {
        [] => Notice::NotYet,
        REFUSED => Notice::Refused,
        UNASKED => Notice::Unasked,
        _ => String::from_utf8(text).map_or(Notice::Unasked, Notice::Findings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let findings = || Notice::Findings("{}".to_owned());
        for notice in [Notice::NotYet, Notice::Refused, Notice::Unasked, findings()] {
            let text = encode(&notice).unwrap_or_default().to_vec();
            assert_eq!(decode(text), notice);
        }
    }
}

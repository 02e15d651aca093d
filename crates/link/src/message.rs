//! The messages as values and as bytes.

use std::num::NonZeroI32;

use thiserror::Error;

/// Longest packet in bytes. Only the text of [`FromZygote::Unusable`] comes near it, and is cut.
pub const PACKET_LIMIT: usize = 4096;

/// Supervisor → zygote: fork a worker. Comes with the socket on which that worker waits for [`ASSIGN`].
pub const FORK: &[u8] = b"F";

/// Supervisor → worker: this connection is yours. Comes with the connection and, where Spark reads the
/// workers' standard output, with that.
pub const ASSIGN: &[u8] = b"A";

/// Worker → itself, started over: go on with this task. Comes with the connection and a file that holds what has been
/// read from it.
pub const RESUME: &[u8] = b"G";

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
}

/// Zygote → supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromZygote {
    /// The first word of a zygote that a launcher has led to: its process, which need not be the
    /// launcher's.
    Here(NonZeroI32),
    /// The worker module can be imported: the port may be published.
    Ready,
    /// It cannot, or a launcher has led to a Python that cannot be embedded. The text says why, in one
    /// line; the zygote exits after it.
    Unusable(String),
    /// There are this many threads where only one may be, so nothing can be forked; the zygote exits
    /// after it.
    Crowded(u32),
    /// The answer to the oldest open [`FORK`]. Comes with a pidfd where the kernel has them.
    Forked(NonZeroI32),
    /// The other answer to the oldest open [`FORK`]: the kernel's error number.
    ForkFailed(i32),
    /// A worker has ended and is reaped.
    Ended {
        /// Which one.
        pid: NonZeroI32,
        /// How.
        ending: Ending,
        /// Its largest resident set, in KiB.
        peak_kib: u64,
    },
}

/// A packet that is none of the messages; only a bug sends one.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the zygote sent {length} bytes that are no message (first byte {first:?})")]
pub struct Unreadable {
    length: usize,
    first: Option<u8>,
}

impl FromZygote {
    /// `tag: u8` ‖ the fields, native byte order: both ends are the same binary on the same machine.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Here(pid) => [&b"H"[..], &pid.get().to_ne_bytes()].concat(),
            Self::Ready => b"R".to_vec(),
            Self::Unusable(text) => {
                let mut end = text.len().min(PACKET_LIMIT - 1);
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                [b"U", &text.as_bytes()[..end]].concat()
            }
            Self::Crowded(threads) => [&b"C"[..], &threads.to_ne_bytes()].concat(),
            Self::Forked(pid) => [&b"P"[..], &pid.get().to_ne_bytes()].concat(),
            Self::ForkFailed(errno) => [&b"E"[..], &errno.to_ne_bytes()].concat(),
            Self::Ended {
                pid,
                ending,
                peak_kib,
            } => {
                let (tag, number) = match ending {
                    Ending::Exited(code) => (b"X", code),
                    Ending::Killed(signal) => (b"K", signal),
                };
                [
                    &tag[..],
                    &pid.get().to_ne_bytes(),
                    &number.to_ne_bytes(),
                    &peak_kib.to_ne_bytes(),
                ]
                .concat()
            }
        }
    }

    /// The reverse of [`encode`](Self::encode).
    ///
    /// # Errors
    ///
    /// [`Unreadable`] for anything that `encode` does not write.
    pub fn decode(packet: &[u8]) -> Result<Self, Unreadable> {
        Self::parse(packet).ok_or_else(|| Unreadable {
            length: packet.len(),
            first: packet.first().copied(),
        })
    }

    fn parse(packet: &[u8]) -> Option<Self> {
        let (tag, body) = packet.split_first()?;
        Some(match tag {
            b'H' => Self::Here(pid(body)?),
            b'R' if body.is_empty() => Self::Ready,
            b'U' => Self::Unusable(String::from_utf8(body.to_vec()).ok()?),
            b'C' => Self::Crowded(u32::from_ne_bytes(body.try_into().ok()?)),
            b'P' => Self::Forked(pid(body)?),
            b'E' => Self::ForkFailed(i32::from_ne_bytes(body.try_into().ok()?)),
            b'X' | b'K' => {
                let (process, rest) = body.split_at_checked(4)?;
                let (number, peak) = rest.split_at_checked(4)?;
                let number = i32::from_ne_bytes(number.try_into().ok()?);
                Self::Ended {
                    pid: pid(process)?,
                    ending: match tag {
                        b'X' => Ending::Exited(number),
                        _ => Ending::Killed(number),
                    },
                    peak_kib: u64::from_ne_bytes(peak.try_into().ok()?),
                }
            }
            _ => return None,
        })
    }
}

/// A process id: positive, never zero.
fn pid(bytes: &[u8]) -> Option<NonZeroI32> {
    let number = i32::from_ne_bytes(bytes.try_into().ok()?);
    NonZeroI32::new(number).filter(|pid| pid.is_positive())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Vec<FromZygote> {
        let pid = NonZeroI32::new(4711).unwrap();
        let ended = |ending| FromZygote::Ended {
            pid,
            ending,
            peak_kib: 1 << 40,
        };
        vec![
            FromZygote::Here(pid),
            FromZygote::Ready,
            FromZygote::Unusable("no module named pyspark".to_owned()),
            FromZygote::Crowded(3),
            FromZygote::Forked(pid),
            FromZygote::ForkFailed(11),
            ended(Ending::Exited(255)),
            ended(Ending::Killed(9)),
        ]
    }

    #[test]
    fn every_message_survives_the_trip() {
        for message in every_kind() {
            assert_eq!(FromZygote::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn cut_messages_are_refused() {
        for message in every_kind() {
            let packet = message.encode();
            for end in 0..packet.len() {
                let cut = FromZygote::decode(&packet[..end]);
                let text = matches!(message, FromZygote::Unusable(_)) && end > 0;
                assert_eq!(cut.is_ok(), text, "{message:?} cut to {end}");
            }
        }
    }

    #[test]
    fn refuses_a_pid_that_would_mean_a_group() {
        for number in [0_i32, -1, -4711] {
            let packet = [&b"P"[..], &number.to_ne_bytes()].concat();
            assert!(FromZygote::decode(&packet).is_err(), "{number}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let packet = FromZygote::Unusable("é".repeat(PACKET_LIMIT)).encode();
        assert!(packet.len() <= PACKET_LIMIT);
        assert!(FromZygote::decode(&packet).is_ok());
    }
}

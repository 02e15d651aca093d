//! What the supervisor, the zygote and the workers say to each other.
//!
//! One packet is one message, over a pair of `SOCK_SEQPACKET` sockets, so nothing needs framing and a
//! message is never half there. File descriptors travel with the message they belong to. This room
//! knows bytes and descriptors; who sends what, and when, is for the supervisor and the
//! zygote.

mod form;
mod launch;
pub mod log;
mod message;
pub mod packet;
pub mod settings;
mod version;

pub use form::{Form, MODULE_PROGRAM, VERSION};
pub use launch::{DAEMON_NAME, Launch, Predecessor, WORKER_NAME, WarmUp, ZYGOTE_NAME};
pub use message::{ASSIGN, Ending, FORK, FromZygote, PACKET_LIMIT, RESUME, Unreadable};
pub use packet::Packet;
pub use settings::{ErrorNotes, Native};
pub use version::{NoVersion, OtherVersion, Version};

// The worker's name for it, until its files move.

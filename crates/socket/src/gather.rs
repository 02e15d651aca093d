//! Many pieces of memory, written one after another without copying them together.

use std::fs::File;
use std::io::{self, IoSlice, Write};

/// Writes all of `slices` to `socket`, which must be in blocking mode.
///
/// # Errors
///
/// Fails if the socket does.
pub fn write_all<'a>(
    socket: &mut File,
    slices: impl IntoIterator<Item = &'a [u8]>,
) -> io::Result<()> {
    let mut pieces: Vec<_> = slices.into_iter().map(IoSlice::new).collect();
    let mut rest = pieces.as_mut_slice();
    // Drops empty ones at the front, too.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match socket.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn writes_more_pieces_than_one_call_takes() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).map(|_| all)
        });
        let pieces: Vec<Vec<u8>> = (0..5000_usize)
            .map(|index| vec![u8::try_from(index % 251).unwrap(); index % 300])
            .collect();
        let mut socket = File::from(OwnedFd::from(ours));
        write_all(&mut socket, pieces.iter().map(Vec::as_slice)).unwrap();
        drop(socket);
        assert_eq!(reader.join().unwrap().unwrap(), pieces.concat());
    }
}

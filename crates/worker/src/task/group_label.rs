//! An error → the same error with a line that names the group it was raised for.

use std::sync::OnceLock;

use arrow_array::RecordBatch;
use arrow_pyarrow::ToPyArrow;
use bowstring_ipc::Decoded;
use bowstring_ipc::group::Group;
use bowstring_link::ErrorNotes;
use pyo3::prelude::*;

use crate::facades::notes::Notes;

/// A group up to this size is kept while the user's function runs; of a larger one only the key is,
/// which has to be decoded and copied for it.
const KEPT_BYTES: usize = 64 << 10;

/// Enough of a group to name it after its memory is gone.
#[derive(Debug)]
pub(crate) struct GroupLabel<'k> {
    kept: Kept,
    /// Columns of its key.
    keys: &'k [usize],
}

#[derive(Debug)]
enum Kept {
    /// A small group as it is, so that a good group costs nothing.
    Group(Group),
    /// Of a large one, the first row of the key columns, if they can be decoded.
    Key(Option<RecordBatch>),
    /// The user wants no notes, or nobody can tell what the group is.
    Unwanted,
}

impl<'k> GroupLabel<'k> {
    /// Takes what is needed of a group whose key are the columns `keys`, and drops the rest.
    pub(crate) fn of(group: Group, keys: &'k [usize]) -> Self {
        Self {
            kept: Kept::of(group, keys),
            keys,
        }
    }

    /// The same for a cogroup, of the side that has rows, and the columns of its key.
    pub(crate) fn of_sides(left: (Group, &'k [usize]), right: (Group, &'k [usize])) -> Self {
        let (group, keys) = if left.0.rows > 0 { left } else { right };
        Self::of(group, keys)
    }

    /// Adds the note with the number of rows, of each side where there are two. `error` is the same
    /// otherwise, and as it was if the note cannot be added.
    pub(crate) fn annotate(&self, py: Python<'_>, rows: &[usize], error: PyErr) -> PyErr {
        self.annotate_part(py, rows, true, error)
    }

    /// The same for a group of which it may not be known yet how many rows it has in `all`.
    pub(crate) fn annotate_part(
        &self,
        py: Python<'_>,
        rows: &[usize],
        all: bool,
        error: PyErr,
    ) -> PyErr {
        let decoded;
        let row = match &self.kept {
            Kept::Group(group) => {
                decoded = group.first_row(self.keys).ok();
                decoded.as_ref()
            }
            Kept::Key(row) => row.as_ref(),
            Kept::Unwanted => return error,
        };
        if let Err(reason) = add(py, &error, row, rows, all) {
            tracing::debug!(%reason, "an error has no note about its group");
        }
        error
    }
}

impl Kept {
    fn of(group: Group, keys: &[usize]) -> Self {
        if !wanted() || matches!(group.columns, Decoded::Malformed(_)) {
            Self::Unwanted
        } else if group.bytes() <= KEPT_BYTES {
            Self::Group(group)
        } else {
            Self::Key(group.first_row(keys).ok())
        }
    }
}

fn add(
    py: Python<'_>,
    error: &PyErr,
    row: Option<&RecordBatch>,
    rows: &[usize],
    all: bool,
) -> PyResult<()> {
    let key = row.map(|row| row.to_pyarrow(py)).transpose()?;
    Notes::of(py)?.add(py, error, key, rows, all)
}

/// Asked once a worker, so that user code cannot change it.
fn wanted() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    *WANTED.get_or_init(|| ErrorNotes::from_environment().unwrap_or_default() == ErrorNotes::On)
}

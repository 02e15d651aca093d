//! `_process/zip_imports.py`.

use pyo3::prelude::*;

use crate::facades::{Callable, module};

module! {
    "_process.zip_imports";
    /// Imports from archives.
    pub(crate) struct ZipImports {
        install: Callable,
    }
}

impl ZipImports {
    /// Keeps unchanged archives from being read again.
    pub(crate) fn install(&self, py: Python<'_>) -> PyResult<()> {
        self.install.call(py, ()).map(drop)
    }
}

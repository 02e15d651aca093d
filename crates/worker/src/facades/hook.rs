//! `_spark/hook.py`.

use pyo3::prelude::*;

use crate::facades::lines::Found;
use crate::facades::record::SelfTest;
use crate::facades::{Callable, module};

module! {
    "_spark.hook";
    /// Hooks the native path into PySpark.
    pub(crate) struct Hook {
        findings: Callable,
        install: Callable,
        warm: Callable,
    }
}

impl Hook {
    /// What the self-test has found, as text. After [`Self::install`].
    pub(crate) fn findings(&self, py: Python<'_>) -> PyResult<String> {
        self.findings.call(py, ())?.extract()
    }

    /// Hooks it in, and returns what the self-test has found. `proven` spares the self-test.
    pub(crate) fn install(
        &self,
        py: Python<'_>,
        found: &Found<'_>,
        proven: Option<Py<PyAny>>,
    ) -> PyResult<SelfTest> {
        self.install.call(py, (&found.object, proven))?.extract()
    }

    /// Runs once what the first task of each worker would run first.
    pub(crate) fn warm(&self, py: Python<'_>) -> PyResult<()> {
        self.warm.call(py, ()).map(drop)
    }
}

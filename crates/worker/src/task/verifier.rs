//! Who compares native conversions with stock's: `BOWSTRING_NATIVE=verify`.

use bowstring_link::Native;
use pyo3::prelude::*;

use crate::facades::verify::{Verifier, Verify};

/// The `Verifier` of a task for what converts in Python, or `None` if the user has not asked for it.
#[pyfunction]
pub(crate) fn verifier(stock: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
    let py = stock.py();
    Ok(start(stock)?.map(|verifier| verifier.object(py)))
}

/// For the task of this `Stock`, or `None` if the user has not asked for it.
pub(crate) fn start(stock: &Bound<'_, PyAny>) -> PyResult<Option<Verifier>> {
    let Native::Verify(share) = Native::from_environment().unwrap_or_default() else {
        return Ok(None);
    };
    let verify = Verify::of(stock.py())?;
    verify.verifier(stock, share).map(Some)
}

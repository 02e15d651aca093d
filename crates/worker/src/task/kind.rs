//! What a kind of UDF does for each group, in three beats: arguments, call, result. Whatever surrounds them is in
//! [`crate::task::driver`].

use bowstring_ipc::group::Group;
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use crate::task::converter::Converter;
use crate::task::incoming::GroupBatches;
use crate::task::section::Rows;

/// A kind of UDF whose functions are called once for each group.
pub(crate) trait Kind<'py> {
    /// What there is for one call: a group, lent or to keep, or both sides of a key.
    type Input<'g>;
    /// What the functions are called with.
    type Arguments;
    /// What they have returned.
    type Returned;
    /// Where the rows of their results go.
    type Output: Rows;

    /// Whether the functions are not called for this input.
    fn skips(&self, _input: &Self::Input<'_>) -> bool {
        false
    }

    /// What the functions are called with.
    ///
    /// # Errors
    ///
    /// Those of conversions.
    fn arguments(
        &mut self,
        input: Self::Input<'_>,
        convert: Converter<'_>,
    ) -> PyResult<Self::Arguments>;

    /// Calls the functions.
    ///
    /// # Errors
    ///
    /// What they raise.
    fn call(&self, arguments: Self::Arguments) -> PyResult<Self::Returned>;

    /// Moves the rows of the result to `output`. Returns whether there is enough for a batch.
    ///
    /// # Errors
    ///
    /// What stock raises for a result that is not as declared.
    fn take(
        &mut self,
        returned: Self::Returned,
        output: &mut Self::Output,
        convert: Converter<'_>,
    ) -> PyResult<bool>;
}

/// A kind of UDF whose function gets the batches of a group, and gives results, one after the other.
pub(crate) trait StreamKind<'py> {
    /// What the function is called with.
    type Arguments;
    /// What it has returned, and whatever has to come to an end with it.
    type Returned;
    /// Where the rows of its results go.
    type Output: Rows;

    /// Whether there is nothing to call the function for. `rest`: what follows `first`.
    ///
    /// # Errors
    ///
    /// What stock raises for such a group.
    fn skips(&self, _first: &Group, _rest: &Bound<'py, GroupBatches>) -> PyResult<bool> {
        Ok(false)
    }

    /// What the function is called with, made of a group's first batch and of those to come.
    ///
    /// # Errors
    ///
    /// Those of conversions.
    fn arguments(
        &mut self,
        first: &Group,
        rest: &Bound<'py, GroupBatches>,
    ) -> PyResult<Self::Arguments>;

    /// Calls the function.
    ///
    /// # Errors
    ///
    /// What it raises.
    fn call(&self, arguments: Self::Arguments) -> PyResult<Self::Returned>;

    /// The results that the function gives, each when it is asked for.
    ///
    /// # Errors
    ///
    /// What stock raises for something else than an iterator.
    fn results(&self, returned: &Self::Returned) -> PyResult<Bound<'py, PyIterator>>;

    /// Moves the rows of one result to `output`. Returns whether there is enough for a batch.
    ///
    /// # Errors
    ///
    /// What stock raises for a result that is not as declared.
    fn take(
        &mut self,
        result: Bound<'py, PyAny>,
        output: &mut Self::Output,
        convert: Converter<'_>,
    ) -> PyResult<bool>;

    /// After the last result: whatever stock does with batches that the function has not asked for.
    ///
    /// # Errors
    ///
    /// Those of conversions.
    fn end(&mut self, returned: Self::Returned, rest: &Bound<'py, GroupBatches>) -> PyResult<()>;
}

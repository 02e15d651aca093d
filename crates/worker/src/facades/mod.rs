//! The Python half as Rust sees it: a struct for each module or class of `python/bowstring` that is asked for anything.
//!
//! Nobody calls the Python half by name elsewhere. What a struct names is fetched when it is made: of a module once for a
//! process, of an object once for a task.

use pyo3::call::PyCallArgs;
use pyo3::prelude::*;

pub(crate) mod arrow;
pub(crate) mod child;
pub(crate) mod conversion;
pub(crate) mod frames;
pub(crate) mod grouped_agg;
pub(crate) mod grouped_agg_arrow;
pub(crate) mod grouped_map;
pub(crate) mod hook;
pub(crate) mod lazy;
pub(crate) mod lines;
pub(crate) mod notes;
pub(crate) mod record;
pub(crate) mod scalar;
pub(crate) mod sent_along;
pub(crate) mod task_parts;
pub(crate) mod verify;
pub(crate) mod zip_imports;
pub(crate) mod zones;

#[cfg(test)]
mod tests;

/// A function of a module, a class, or a bound method.
#[derive(Debug)]
pub(crate) struct Callable(Py<PyAny>);

impl Callable {
    fn call<'py>(
        &self,
        py: Python<'py>,
        arguments: impl PyCallArgs<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.0.bind(py).call1(arguments)
    }

    /// As an object for those that call it themselves.
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.0.bind(py)
    }
}

impl<'py> FromPyObject<'_, 'py> for Callable {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(object.to_owned().unbind()))
    }
}

/// What a struct names.
#[cfg(test)]
struct Names {
    /// The module below `bowstring`.
    module: &'static str,
    /// The class in it; empty for the module itself.
    class: &'static str,
    members: &'static [&'static str],
}

/// A struct of what an object of this class has under these names; with `keeps`, it has the object, too.
macro_rules! facade {
    (
        $module:literal, $class:literal;
        $(#[$about:meta])*
        $visibility:vis struct $name:ident $(keeps $object:ident)? {
            $($(#[$document:meta])* $reach:vis $member:ident: $kind:ty $(= $called:literal)?,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Debug)]
        $visibility struct $name {
            $($object: Py<PyAny>,)?
            $($(#[$document])* $reach $member: $kind,)*
        }

        impl $name {
            #[cfg(test)]
            pub(super) const NAMES: $crate::facades::Names = $crate::facades::Names {
                module: $module,
                class: $class,
                members: &[$($crate::facades::name!($member $($called)?)),*],
            };
        }

        impl<'py> FromPyObject<'_, 'py> for $name {
            type Error = PyErr;

            fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
                Ok(Self {
                    $($object: object.to_owned().unbind(),)?
                    $($member: object
                        .getattr(pyo3::intern!(object.py(), $crate::facades::name!($member $($called)?)))?
                        .extract()?,)*
                })
            }
        }
    };
}

/// The same of a module, which is imported when it is first asked for anything.
macro_rules! module {
    (
        $module:literal;
        $(#[$about:meta])*
        $visibility:vis struct $name:ident { $($members:tt)* }
    ) => {
        $crate::facades::facade! {
            $module, "";
            $(#[$about])*
            $visibility struct $name { $($members)* }
        }

        impl $name {
            /// The module.
            pub(crate) fn of(py: Python<'_>) -> PyResult<&'static Self> {
                static MODULE: pyo3::sync::PyOnceLock<$name> = pyo3::sync::PyOnceLock::new();
                MODULE.get_or_try_init(py, || $crate::package::import(py, $module)?.extract())
            }
        }
    };
}

/// What Python calls a member.
macro_rules! name {
    ($member:ident) => {
        stringify!($member)
    };
    ($member:ident $called:literal) => {
        $called
    };
}

use {facade, module, name};

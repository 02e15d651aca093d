//! Results that are pandas' masked arrays: `Int8` to `UInt64`, `Float32`, `Float64` and `boolean`.
//!
//! PARITY: null is what the mask says. A NaN that is not masked stays NaN, unlike in a NumPy column,
//! and is no integer. pyarrow always checks these columns, so what does not fit is left to stock
//! whether the safe check is on or off.

use arrow_array::builder::{BooleanBuilder, PrimitiveBuilder};
use arrow_array::types::ArrowPrimitiveType;
use numpy::{Element, PyReadonlyArray1};
use pyo3::intern;
use pyo3::prelude::*;

use crate::convert::output::values::{column, exact_double, integral};
use crate::facades::frames::PandasClasses;

/// A masked array taken apart.
pub(crate) struct Masked<'py> {
    data: Bound<'py, PyAny>,
    /// True where the value is null.
    mask: PyReadonlyArray1<'py, bool>,
}

impl<'py> Masked<'py> {
    /// `None` if `values` is not a masked array.
    pub(crate) fn of(
        values: &Bound<'py, PyAny>,
        classes: &PandasClasses,
    ) -> PyResult<Option<Self>> {
        if !classes.is_masked(values) {
            return Ok(None);
        }
        let data = values.getattr(intern!(values.py(), "_data"))?;
        let mask = column::<bool>(&values.getattr(intern!(values.py(), "_mask"))?);
        Ok(mask.map(|mask| Self { data, mask }))
    }

    /// The values if they are of NumPy type `N`; `Some(None)` if one of them is not accepted.
    #[expect(
        clippy::option_option,
        reason = "the outer None means another dtype, the inner one leaves the column to stock"
    )]
    fn accepted<N: Element + Copy, T>(
        &self,
        accept: impl Fn(N) -> Option<T>,
    ) -> Option<Option<Vec<Option<T>>>> {
        let data = column::<N>(&self.data)?;
        let (data, mask) = (data.as_array(), self.mask.as_array());
        let values = data.iter().zip(mask.iter());
        Some(
            values
                .map(|(value, masked)| {
                    if *masked {
                        Some(None)
                    } else {
                        accept(*value).map(Some)
                    }
                })
                .collect(),
        )
    }

    pub(crate) fn append_booleans(&self, builder: &mut BooleanBuilder) -> bool {
        let Some(Some(values)) = self.accepted::<bool, bool>(Some) else {
            return false;
        };
        for value in values {
            builder.append_option(value);
        }
        true
    }

    pub(crate) fn append_integers<T>(&self, builder: &mut PrimitiveBuilder<T>) -> bool
    where
        T: ArrowPrimitiveType,
        T::Native: TryFrom<i64> + TryFrom<u64>,
    {
        macro_rules! try_types {
            ($($native:ty => $wide:ty),*) => {$(
                let accept = |value: $native| T::Native::try_from(<$wide>::from(value)).ok();
                if let Some(values) = self.accepted(accept) {
                    return append(builder, values);
                }
            )*};
        }
        try_types!(i64 => i64, i32 => i64, i16 => i64, i8 => i64, u64 => u64, u32 => u64, u16 => u64, u8 => u64);
        let whole = |value: f64| T::Native::try_from(integral(value)??).ok();
        let values = self
            .accepted(whole)
            .or_else(|| self.accepted(|value: f32| whole(f64::from(value))));
        append(builder, values.flatten())
    }

    pub(crate) fn append_floats<T: ArrowPrimitiveType>(
        &self,
        builder: &mut PrimitiveBuilder<T>,
        mantissa: u32,
        from_double: impl Fn(f64) -> T::Native,
        from_float: impl Fn(f32) -> T::Native,
    ) -> bool {
        if let Some(values) = self.accepted(|value: f64| Some(from_double(value))) {
            return append(builder, values);
        }
        if let Some(values) = self.accepted(|value: f32| Some(from_float(value))) {
            return append(builder, values);
        }
        let exact = |value: i64| exact_double(value, mantissa).map(&from_double);
        macro_rules! try_integers {
            ($($native:ty),*) => {$(
                if let Some(values) = self.accepted(|value: $native| exact(i64::from(value))) {
                    return append(builder, values);
                }
            )*};
        }
        try_integers!(i64, i32, i16, i8, u32, u16, u8);
        false
    }
}

fn append<T: ArrowPrimitiveType>(
    builder: &mut PrimitiveBuilder<T>,
    values: Option<Vec<Option<T::Native>>>,
) -> bool {
    let Some(values) = values else {
        return false;
    };
    for value in values {
        builder.append_option(value);
    }
    true
}

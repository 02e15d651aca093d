//! `_worker/frames.py`.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};

use crate::facades::{Callable, facade, module};

module! {
    "_worker.frames";
    /// Makes Series, and takes them apart.
    pub(crate) struct FramesModule {
        block_values: Callable,
        classes: Callable = "Classes",
        frames: Callable = "Frames",
        masked: Callable,
        result_values: Callable,
        series: Callable,
        series_layout: Callable,
        series_values: Callable,
        windows: Callable,
    }
}

facade! {
    "_worker.frames", "Frames";
    /// Builds the frames of one task, and takes its results apart.
    pub(crate) struct Frames {
        columns: Callable,
        frame: Callable,
        key: Callable,
        layout: Callable,
        positions: Callable,
        take_apart: Callable,
    }
}

facade! {
    "_worker.frames", "Classes";
    /// Objects that result columns are compared with.
    pub(crate) struct PandasClasses {
        /// `pandas.DataFrame`
        pub(crate) data_frame: Py<PyType>,
        /// `pandas.NA`
        pub(crate) na: Py<PyAny>,
        /// `pandas.NaT`
        pub(crate) nat: Py<PyAny>,
        /// `decimal.Decimal`
        pub(crate) decimal: Py<PyType>,
        /// `pandas.arrays.DatetimeArray`
        pub(crate) datetime_array: Py<PyType>,
        /// `pandas.arrays.TimedeltaArray`
        pub(crate) timedelta_array: Py<PyType>,
        /// `pandas.arrays.ArrowStringArray`
        pub(crate) arrow_string_array: Py<PyType>,
        /// `pandas.arrays.ArrowExtensionArray`
        pub(crate) arrow_extension_array: Py<PyType>,
        /// `pandas.arrays.StringArray`
        pub(crate) string_array: Py<PyType>,
        /// `pandas.Categorical`
        pub(crate) categorical: Py<PyType>,
        /// `pandas.arrays.IntegerArray`, `FloatingArray` and `BooleanArray`
        pub(crate) masked_arrays: Vec<Py<PyType>>,
    }
}

impl FramesModule {
    /// The array inside a column that stock has made, and its dtype's name.
    pub(crate) fn block_values<'py>(
        &self,
        series: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, String)> {
        self.block_values.call(series.py(), (series,))?.extract()
    }

    /// What result columns are compared with.
    pub(crate) fn classes(&self, py: Python<'_>) -> PyResult<PandasClasses> {
        self.classes.call(py, ())?.extract()
    }

    /// What builds frames of columns with these labels, and finds `fields` in results.
    pub(crate) fn frames(
        &self,
        py: Python<'_>,
        labels: &[String],
        fields: Vec<&String>,
        by_name: bool,
    ) -> PyResult<Frames> {
        self.frames.call(py, (labels, fields, by_name))?.extract()
    }

    /// One of pandas' own arrays of integers, and the name of its dtype.
    pub(crate) fn masked<'py>(
        &self,
        py: Python<'py>,
        parts: (Bound<'py, PyAny>, Bound<'py, PyAny>),
    ) -> PyResult<(Bound<'py, PyAny>, String)> {
        self.masked.call(py, parts)?.extract()
    }

    /// The values of a Series that has so many rows; `None`: ask stock. `first`: the function's first argument.
    pub(crate) fn result_values<'py>(
        &self,
        result: &Bound<'py, PyAny>,
        first: Option<&Bound<'py, PyAny>>,
        rows: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let values = self
            .result_values
            .call(result.py(), (result, first, rows))?;
        Ok((!values.is_none()).then_some(values))
    }

    /// A Series of each array; `None` if the user has changed an option of pandas that matters.
    pub(crate) fn series<'py>(
        &self,
        layout: &Bound<'py, PyAny>,
        arrays: Bound<'py, PyList>,
        rows: usize,
    ) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
        self.series
            .call(layout.py(), (layout, arrays, rows))?
            .extract()
    }

    /// What [`Self::series`] needs to know of columns, each with its maker and label.
    pub(crate) fn series_layout<'py>(
        &self,
        py: Python<'py>,
        columns: Vec<(&str, Option<&String>)>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.series_layout.call(py, (columns,))
    }

    /// The values of a Series and how many rows it has; `None`: ask stock.
    pub(crate) fn series_values<'py>(
        &self,
        result: &Bound<'py, PyAny>,
    ) -> PyResult<Option<(Bound<'py, PyAny>, usize)>> {
        self.series_values.call(result.py(), (result,))?.extract()
    }

    /// What a function returns for each window, and the last window.
    pub(crate) fn windows<'py>(
        &self,
        function: &Bound<'py, PyAny>,
        [begin, end]: [&Bound<'py, PyAny>; 2],
        columns: Vec<&Bound<'py, PyAny>>,
        named: Bound<'py, PyDict>,
    ) -> PyResult<(Vec<Bound<'py, PyAny>>, Bound<'py, PyAny>)> {
        let arguments = (function, begin, end, columns, named);
        self.windows.call(function.py(), arguments)?.extract()
    }
}

impl Frames {
    /// What stands for the columns of one frame, as long as it lives.
    pub(crate) fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.columns.call(py, ())
    }

    /// A frame of these arrays, shared with `columns`, or with what lives for ever; `None` if the user has changed an option of
    /// pandas that matters.
    pub(crate) fn frame<'py>(
        &self,
        layout: &Bound<'py, PyAny>,
        arrays: &Bound<'py, PyList>,
        rows: usize,
        columns: Option<&Py<PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = layout.py();
        let frame = match columns {
            Some(columns) => self.frame.call(py, (layout, arrays, rows, columns))?,
            None => self.frame.call(py, (layout, arrays, rows))?,
        };
        Ok((!frame.is_none()).then_some(frame))
    }

    /// The first values of blocks of one column, each with its maker.
    pub(crate) fn key<'py>(&self, blocks: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyTuple>> {
        Ok(self.key.call(blocks.py(), (blocks,))?.cast_into()?)
    }

    /// What [`Self::frame`] needs to know of blocks, each with its maker and columns.
    pub(crate) fn layout<'py>(
        &self,
        py: Python<'py>,
        blocks: Vec<(&str, Vec<usize>)>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.layout.call(py, (blocks,))
    }

    /// Positions of the declared fields among the labels of a result; `None`: ask stock.
    pub(crate) fn positions(&self, columns: &Bound<'_, PyAny>) -> PyResult<Option<Vec<usize>>> {
        self.positions.call(columns.py(), (columns,))?.extract()
    }

    /// The number of rows, and the arrays at `positions`; `None`: ask stock.
    pub(crate) fn take_apart<'py>(
        &self,
        frame: &Bound<'py, PyAny>,
        positions: &[usize],
    ) -> PyResult<Option<(usize, Vec<Bound<'py, PyAny>>)>> {
        self.take_apart
            .call(frame.py(), (frame, positions))?
            .extract()
    }
}

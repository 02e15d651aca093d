//! bowstring: a native daemon for PySpark's executors.
//!
//! Stock Spark starts it in place of `python -m pyspark.daemon`. Three kinds of process do the
//! work: a *supervisor* ([`supervisor`]) that owns the sockets, a *zygote* ([`zygote`]) that has
//! imported everything once, and one *worker* ([`worker`]) per connection, forked from the
//! zygote.
//!
//! Direction of knowledge: all may ask [`memory`]; [`wire`] knows nobody else; [`supervisor`] and
//! [`zygote`] talk through [`control`]; [`frame`] knows Arrow and pandas, not sockets; [`udf`] joins [`frame`] and
//! [`worker`]; only [`seam`] knows Spark's versions.

pub mod cli;
pub mod control;
#[cfg(feature = "python")]
pub mod frame;
pub mod interpreter;
pub mod log;
pub mod memory;
#[cfg(feature = "python")]
pub mod seam;
pub mod supervisor;
#[cfg(feature = "python")]
pub mod udf;
pub mod wire;
pub mod words;
pub mod worker;
#[cfg(feature = "python")]
pub mod zygote;

/// Runs the internal role of the zygote: an interpreter that only forks workers.
///
/// # Errors
///
/// When the interpreter cannot be started. In a build without the feature `python`, always.
pub fn run_zygote(launch: control::Launch) -> anyhow::Result<std::process::ExitCode> {
    #[cfg(feature = "python")]
    return zygote::run(launch);
    #[cfg(not(feature = "python"))]
    without_python(launch)
}

/// Runs the internal role of a worker that has started over.
///
/// # Errors
///
/// As [`run_zygote`].
pub fn run_worker(launch: control::Launch) -> anyhow::Result<std::process::ExitCode> {
    #[cfg(feature = "python")]
    return zygote::run_worker(launch);
    #[cfg(not(feature = "python"))]
    without_python(launch)
}

#[cfg(not(feature = "python"))]
fn without_python(launch: control::Launch) -> anyhow::Result<std::process::ExitCode> {
    let control::Launch { program, .. } = launch;
    anyhow::bail!(
        "this bowstring was built without Python and cannot be {}",
        program.display()
    )
}

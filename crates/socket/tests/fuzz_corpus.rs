//! Every input that is kept for the fuzz targets, through the very functions that they call.

#[path = "../../../fuzz/oracles.rs"]
mod oracles;

use std::fs;
use std::path::Path;

#[expect(
    clippy::unwrap_used,
    reason = "clippy sees tests in functions with that attribute alone"
)]
fn replay(target: &str, oracle: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let mut inputs = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let data = fs::read(&path).unwrap();
        let outcome = std::panic::catch_unwind(|| oracle(&data));
        assert!(outcome.is_ok(), "{}", path.display());
        inputs += 1;
    }
    assert!(inputs > 50, "the corpus of {target} has {inputs} inputs");
}

#[test]
fn the_decoder_holds_for_its_corpus() {
    replay("decoder", oracles::decoder);
}

#[test]
fn the_group_splitter_holds_for_its_corpus() {
    replay("group_splitter", oracles::group_splitter);
}

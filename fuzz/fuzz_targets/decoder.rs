#![no_main]

#[path = "../oracles.rs"]
mod oracles;

libfuzzer_sys::fuzz_target!(
    init: oracles::let_guarded_panics_pass(),
    |data: &[u8]| oracles::decoder(data)
);

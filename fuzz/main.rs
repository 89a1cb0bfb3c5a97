//! All fuzz targets in one program, which is built once: `FUZZ_TARGET` says which of them is to run.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

mod targets;

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

fuzz_target!(init: choose(), |data: &[u8]| {
    TARGET.get().expect("is chosen at the start")(data);
});

fn choose() {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let Some((_, check)) = targets::ALL.iter().find(|(known, _)| *known == name) else {
        let known: Vec<_> = targets::ALL.iter().map(|(known, _)| *known).collect();
        eprintln!("FUZZ_TARGET is \"{name}\"; it must be one of {}", known.join(", "));
        std::process::exit(2);
    };
    TARGET.set(*check).expect("is chosen once");
}

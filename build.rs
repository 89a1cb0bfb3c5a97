//! Tells the program which commit it was built from.
//!
//! Sets `FLOWGATE_RUSTC` to the compiler's version, `FLOWGATE_COMMIT` to the short commit, and `FLOWGATE_REVISION` to the version with it, such as `0.1.0 (abc1234)`.
//! Without git (a package, a container) a `FLOWGATE_COMMIT` in the environment of the build is taken; with neither of
//! them, the program knows no commit and says its version alone.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=FLOWGATE_COMMIT");
    println!("cargo::rustc-env=FLOWGATE_RUSTC={}", compiler());
    if let Some(commit) = given().or_else(checked_out) {
        println!("cargo::rustc-env=FLOWGATE_COMMIT={commit}");
        println!("cargo::rustc-env=FLOWGATE_REVISION={} ({commit})", env!("CARGO_PKG_VERSION"));
    }
}

/// The compiler's version, such as `1.95.0`.
#[expect(clippy::disallowed_methods, reason = "cargo names the compiler in the environment of the build")]
fn compiler() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let printed = Command::new(rustc).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&printed).split_whitespace().nth(1).unwrap_or("unknown").to_owned()
}

/// The commit that whoever builds has named.
#[expect(clippy::disallowed_methods, reason = "the environment of the build, not of the program")]
fn given() -> Option<String> {
    std::env::var("FLOWGATE_COMMIT").ok().filter(|commit| !commit.is_empty())
}

/// The commit of the working tree; none where `.git` belongs to some folder further up.
fn checked_out() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    // The first names the branch, the second grows with every commit, checkout and reset. A file that is not there
    // must not be named: cargo would take it for changed each time.
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", file]).filter(|path| Path::new(path).exists());
        path.into_iter().for_each(|path| println!("cargo::rerun-if-changed={path}"));
    }
    git(&["rev-parse", "--short=7", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

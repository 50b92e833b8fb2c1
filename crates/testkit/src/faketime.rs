//! Another time for a process.

use std::path::Path;

/// What a process has to be started with to see the clock off by this much, such as `+1h`. Waiting goes on as it does.
///
/// # Panics
/// Where Debian's package `faketime` is not installed (ci/setup).
pub fn environment(off: &str) -> [(&'static str, String); 4] {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
    let files = folders.iter().map(|folder| Path::new(folder).join("faketime/libfaketimeMT.so.1"));
    let library = files.into_iter().find(|file| file.exists()).expect("libfaketime is installed (ci/setup)");
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", off.to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

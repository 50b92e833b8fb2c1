//! An event file: read or refused with a sentence, never with a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registration::event_file;

fuzz_target!(|data: &[u8]| {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let imported_at = jiff::Timestamp::from_second(1_793_000_000).expect("a time");
    match event_file::parse(source, imported_at) {
        Ok(event) => {
            assert!(!event.slug.is_empty());
            // What was imported once is read again from the store at every start.
            assert!(event_file::parse(source, imported_at).is_ok());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

//! A reference as somebody writes it from the telephone: what is read is a reference whose written form reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registration::reference::Reference;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(reference) = text.parse::<Reference>() {
        assert_eq!(reference.as_str().parse::<Reference>().as_ref(), Ok(&reference));
        assert_eq!(reference.as_str().len(), "KC-7F3K-2M9Q".len());
    }
});

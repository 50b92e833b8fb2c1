//! What a file is, by its first bytes, and a name that it can be saved under.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registration::attachment::{Media, judge, safe_name, sniff};

fuzz_target!(|data: &[u8]| {
    let _ = sniff(data);
    if judge(data, data.len() as u64, &Media::ALL, 10 << 20).is_ok() {
        assert!(!data.is_empty());
    }
    for media in Media::ALL {
        let name = safe_name(&String::from_utf8_lossy(data), media);
        assert!(!name.contains(['/', '\\']) && !name.chars().any(char::is_control), "{name:?}");
        assert!(!name.starts_with('.') && (3..=120).contains(&name.chars().count()), "{name:?}");
        // A name that is safe stays as it is.
        assert_eq!(safe_name(&name, media), name);
    }
});

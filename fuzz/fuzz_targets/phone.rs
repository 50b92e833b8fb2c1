//! A telephone number as people write it: what is understood is in E.164, and understood again as itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registration::phone::to_e164;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // "KE 0712 345678": the country that was chosen beside it.
    let (region, written) = match text.split_once(' ') {
        Some((region, rest)) if region.len() == 2 => (Some(region), rest),
        _ => (None, text),
    };
    if let Ok(number) = to_e164(written, region) {
        let digits = number.strip_prefix('+').expect("E.164 begins with a plus");
        assert!(digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.len() <= 15, "{number}");
        assert_eq!(to_e164(&number, None).as_deref(), Ok(number.as_str()));
    }
});

//! A body of a form: however it is cut into pieces, it reads the same, and within the limit.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

/// Much more than a fuzzed body has.
const LIMIT: u64 = 1 << 20;

fuzz_target!(|data: &[u8]| {
    // The first byte says how long the pieces are.
    let Some((&step, body)) = data.split_first() else { return };
    let content_type = "multipart/form-data; boundary=XyZ";
    let whole = web::fuzzing::parts(content_type, vec![Bytes::copy_from_slice(body)], LIMIT);
    let pieces = body.chunks(usize::from(step).max(1)).map(Bytes::copy_from_slice).collect();
    assert_eq!(web::fuzzing::parts(content_type, pieces, LIMIT), whole);
    if let Some(parts) = whole {
        let content: usize = parts.iter().map(|(_, _, content)| content.len()).sum();
        assert!(content <= body.len(), "nothing is made up");
    }
    // The header that names the boundary comes from strangers, too.
    if let Ok(header) = std::str::from_utf8(body) {
        let _ = web::fuzzing::parts(header, vec![Bytes::from_static(b"--XyZ--")], LIMIT);
    }
});

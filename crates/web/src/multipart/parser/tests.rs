use axum::http::HeaderValue;
use futures_util::stream;
use proptest::prelude::*;

use super::*;

type Parts = Vec<(Part, Vec<u8>)>;

/// Reads a body that comes in pieces of `step` bytes.
fn read(body: &[u8], step: usize, limit: u64) -> Result<Parts, Broken> {
    let pieces: Vec<Result<Bytes, std::convert::Infallible>> =
        body.chunks(step).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut parser = Parser::new(Body::from_stream(stream::iter(pieces)), "XyZ", limit);
        let mut parts = Vec::new();
        while let Some(part) = parser.part().await? {
            let mut content = Vec::new();
            while let Some(bytes) = parser.chunk().await? {
                content.extend_from_slice(&bytes);
            }
            parts.push((part, content));
        }
        Ok(parts)
    })
}

fn text(name: &str) -> Part {
    Part { name: name.to_owned(), file: None }
}

fn with_disposition(disposition: &str) -> Result<Parts, Broken> {
    let body = format!("--XyZ\r\nContent-Disposition: {disposition}\r\nContent-Type: a/b\r\n\r\nx\r\n--XyZ--\r\n");
    read(body.as_bytes(), 7, 10_000)
}

fn only(disposition: &str) -> Part {
    with_disposition(disposition).unwrap().remove(0).0
}

#[test]
fn names_are_read_as_browsers_and_older_clients_write_them() {
    let file = |name: &str, file: &str| Part { name: name.to_owned(), file: Some(file.to_owned()) };
    assert_eq!(only("form-data; name=\"a\""), text("a"));
    assert_eq!(only("Form-Data;name=a"), text("a"));
    assert_eq!(only("form-data; filename=\"x.pdf\"; name=\"a\""), file("a", "x.pdf"));
    assert_eq!(only("form-data; name=\"a\"; filename=\"\""), file("a", ""));
    assert_eq!(
        only("form-data; name=\"a\"; filename=\"my %22cv%22 50%25; b.pdf\""),
        file("a", "my \"cv\" 50%25; b.pdf")
    );
    assert_eq!(only("form-data; name=\"a\"; filename=\"say \\\"hi\\\".pdf\""), file("a", "say \"hi\".pdf"));
    assert_eq!(only("form-data; name=\"a\"; filename=\"C:\\cv.pdf\""), file("a", "C:\\cv.pdf"));
    assert_eq!(only("form-data; name=\"Prénom\"; name=\"b\""), text("Prénom"));
}

#[test]
fn what_is_no_form_is_refused() {
    for disposition in ["form-data", "attachment; name=\"a\"", "form-data; nam=\"a\"", "form-data; name=\"a", ""] {
        assert_eq!(with_disposition(disposition), Err(Broken::Malformed), "{disposition:?}");
    }
    for body in [
        "",
        "no boundary at all",
        "--XyZ",
        "--XyZ\r\n",
        "--XyZ\r\n\r\n",
        "--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n",
        "--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ncut off\r\n--Xy",
        "--XyZjunk\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--XyZ--",
    ] {
        for step in [1, 5, 1000] {
            assert_eq!(read(body.as_bytes(), step, 10_000), Err(Broken::Malformed), "{body:?}");
        }
    }
    assert_eq!(read(b"--XyZ--", 3, 10_000), Ok(Vec::new()));
}

#[test]
fn headers_and_bodies_are_bounded() {
    let endless = format!("--XyZ\r\nContent-Disposition: form-data; name=\"{}", "a".repeat(1_000_000));
    assert_eq!(read(endless.as_bytes(), 1000, 10_000_000), Err(Broken::Malformed));
    let large = format!("--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{}", "a".repeat(1_000_000));
    assert_eq!(read(large.as_bytes(), 1000, 100_000), Err(Broken::TooMuch));
    let epilogue = format!("--XyZ--\r\n{}", "a".repeat(1_000_000));
    assert_eq!(read(epilogue.as_bytes(), 1000, 100_000), Err(Broken::TooMuch));
}

#[test]
fn the_boundary_comes_from_the_content_type() {
    let of = |value: &'static str| {
        boundary(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]))
    };
    assert_eq!(of("multipart/form-data; boundary=abc").as_deref(), Some("abc"));
    assert_eq!(of("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"").as_deref(), Some("a b"));
    for wrong in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "text/plain; boundary=a",
        "multipart/mixed; boundary=a",
    ] {
        assert_eq!(of(wrong), None, "{wrong:?}");
    }
    assert_eq!(boundary(&HeaderMap::new()), None);
}

proptest! {
    #[test]
    fn any_content_comes_out_as_it_went_in_however_it_is_cut(
        contents in prop::collection::vec(prop::collection::vec(prop::sample::select(b"\r\n-XyZab\0".to_vec()), 0..60), 0..6),
        step in 1_usize..50,
    ) {
        // A content that holds the delimiter is no content of this boundary.
        let holds = |content: &Vec<u8>| [b"\r\n", &content[..]].concat().windows(7).any(|seven| seven == b"\r\n--XyZ");
        prop_assume!(!contents.iter().any(holds));
        let mut body = Vec::new();
        for content in &contents {
            body.extend(b"--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n");
            body.extend(content);
            body.extend(b"\r\n");
        }
        body.extend(b"--XyZ--\r\n");
        let read = read(&body, step, 1_000_000).unwrap();
        let came: Vec<Vec<u8>> = read.into_iter().map(|(_, content)| content).collect();
        prop_assert_eq!(came, contents);
    }

    #[test]
    fn junk_never_panics(body in prop::collection::vec(prop::sample::select(b"\r\n-XyZ:;=\"acdnot form-\0".to_vec()), 0..200), step in 1_usize..20) {
        let _ = read(&body, step, 1_000);
        let _ = read(&[&b"--XyZ\r\n"[..], &body[..]].concat(), step, 1_000);
    }
}

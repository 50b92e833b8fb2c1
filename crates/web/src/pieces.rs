//! Pages that are kept compressed in pieces, with a part for one visitor between them.
//!
//! A gzip member (RFC 1952) is a header, a deflate stream (RFC 1951), a CRC-32 and a length. The head is compressed once and
//! ends on a byte boundary by a flush; the visitor's part goes in as a stored block; the tail was compressed on its own, so
//! that it refers to nothing before it, and ends the stream. The CRC of the whole is combined from those of the parts. It has
//! to be one member: browsers stop after the first.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// ID1 ID2, deflate, no flags, no time, slowest algorithm, unknown system (RFC 1952, 2.3).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];

/// Most bytes of a stored block (RFC 1951, 3.2.4).
const STORED: usize = 0xffff;

/// Head and tail of a page.
pub(crate) struct Pieces {
    head: Piece,
    tail: Piece,
}

struct Piece {
    plain: String,
    deflated: Vec<u8>,
    crc: crc32fast::Hasher,
}

impl Pieces {
    /// Compresses both pieces.
    pub(crate) fn new(head: String, tail: String) -> Self {
        Self { head: Piece::new(head, false), tail: Piece::new(tail, true) }
    }

    /// The page as it is.
    pub(crate) fn plain(&self, middle: &str) -> Vec<u8> {
        [self.head.plain.as_bytes(), middle.as_bytes(), self.tail.plain.as_bytes()].concat()
    }

    /// The page as one gzip member.
    pub(crate) fn gzip(&self, middle: &str) -> Vec<u8> {
        let room = self.head.deflated.len() + self.tail.deflated.len() + middle.len() + 64;
        let mut out = Vec::with_capacity(room);
        out.extend(GZIP_HEADER);
        out.extend(&self.head.deflated);
        for block in middle.as_bytes().chunks(STORED) {
            let length = block.len() as u16;
            out.push(0);
            out.extend(length.to_le_bytes());
            out.extend((!length).to_le_bytes());
            out.extend(block);
        }
        out.extend(&self.tail.deflated);
        let mut crc = self.head.crc.clone();
        crc.update(middle.as_bytes());
        crc.combine(&self.tail.crc);
        out.extend(crc.finalize().to_le_bytes());
        // The length is told modulo 2^32.
        let length = self.head.plain.len() + middle.len() + self.tail.plain.len();
        out.extend((length as u32).to_le_bytes());
        out
    }
}

impl Piece {
    fn new(plain: String, last: bool) -> Self {
        let mut crc = crc32fast::Hasher::new();
        crc.update(plain.as_bytes());
        let deflated = deflate(plain.as_bytes(), last, Compression::best());
        Self { plain, deflated, crc }
    }
}

/// A whole body as one gzip member; kept ones deserve the best compression, passing ones a fast one.
pub(crate) fn gzip(body: &[u8], kept: bool) -> Vec<u8> {
    let level = if kept { Compression::best() } else { Compression::fast() };
    let mut out = GZIP_HEADER.to_vec();
    out.extend(deflate(body, true, level));
    out.extend(crc32fast::hash(body).to_le_bytes());
    out.extend((body.len() as u32).to_le_bytes());
    out
}

fn deflate(plain: &[u8], last: bool, level: Compression) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(plain.len() / 3 + 64), level);
    let written = encoder.write_all(plain).and_then(|()| if last { Ok(()) } else { encoder.flush() });
    written.expect("a vector takes everything");
    if last { encoder.finish().expect("a vector takes everything") } else { encoder.get_ref().clone() }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::bufread::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    /// Decompresses exactly one member and wants nothing after it.
    fn unpack(bytes: &[u8]) -> Vec<u8> {
        let mut decoder = GzDecoder::new(bytes);
        let mut plain = Vec::new();
        decoder.read_to_end(&mut plain).unwrap();
        assert!(decoder.into_inner().is_empty(), "one member and nothing after it");
        plain
    }

    #[test]
    fn the_compressed_page_is_the_plain_page() {
        let head = "<p>head, head, head</p>".repeat(500);
        let tail = "<p>tail</p>".repeat(900);
        let pieces = Pieces::new(head.clone(), tail.clone());
        for middle in ["", "<input value=\"1\">", &"x".repeat(STORED), &"é".repeat(STORED)] {
            let whole = format!("{head}{middle}{tail}");
            assert_eq!(pieces.plain(middle), whole.as_bytes());
            assert_eq!(unpack(&pieces.gzip(middle)), whole.as_bytes());
        }
        assert!(pieces.gzip("").len() < 400);
    }

    proptest! {
        #[test]
        fn any_three_parts_make_one_member(head in ".{0,300}", middle in ".{0,300}", tail in ".{0,300}") {
            let pieces = Pieces::new(head.clone(), tail.clone());
            let whole = format!("{head}{middle}{tail}").into_bytes();
            prop_assert_eq!(unpack(&pieces.gzip(&middle)), whole.clone());
            prop_assert_eq!(unpack(&gzip(&whole, false)), whole);
        }
    }
}

//! Attachments: which types are taken, what a file's content says it is, and names made safe.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Files up to this size travel inside the registration's transaction; larger ones are stored in chunks before it.
pub const SMALL_FILE: usize = 256 * 1024;

/// Size of a stored chunk of a large file, in bytes.
pub const CHUNK: usize = 256 * 1024;

/// Unfinished uploads of one field of one form; a double click needs two. When there is one more, the oldest goes.
pub const UNFINISHED: u32 = 8;

/// Largest width or height of an image, in pixels.
pub const MAX_IMAGE_SIDE: u32 = 20_000;

/// Most pixels of an image.
pub const MAX_IMAGE_PIXELS: u64 = 100_000_000;

/// A media type that can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Media {
    /// PDF (ISO 32000).
    #[serde(rename = "application/pdf")]
    Pdf,
    /// PNG.
    #[serde(rename = "image/png")]
    Png,
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// WebP.
    #[serde(rename = "image/webp")]
    Webp,
}

impl Media {
    /// All of them; the default of a file field.
    pub const ALL: [Self; 4] = [Self::Pdf, Self::Png, Self::Jpeg, Self::Webp];

    /// The registered media type.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// Name for people, the same in all languages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pdf => "PDF",
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Webp => "WebP",
        }
    }

    /// The usual extension, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }

    /// The type with this registered name.
    pub fn from_mime(mime: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|media| media.mime() == mime)
    }
}

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniffed {
    /// A type that can be taken; for images the width and height in pixels where the head tells them.
    Known(Media, Option<(u32, u32)>),
    /// HEIC or HEIF, the format of iPhone pictures, which most organisers cannot open.
    Heic,
    /// Nothing that can be taken.
    Unknown,
}

/// Tells a file's type from its first bytes (up to [`SMALL_FILE`] are looked at), never from its name.
pub fn sniff(head: &[u8]) -> Sniffed {
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        let header = head.get(12..16) == Some(b"IHDR");
        return match (header, be32(head, 16), be32(head, 20)) {
            (true, Some(width), Some(height)) => Sniffed::Known(Media::Png, Some((width, height))),
            _ => Sniffed::Unknown,
        };
    }
    if head.starts_with(b"\xff\xd8\xff") {
        return Sniffed::Known(Media::Jpeg, jpeg_size(head));
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Sniffed::Known(Media::Webp, webp_size(head));
    }
    if head.get(4..8) == Some(b"ftyp") && head.get(8..12).is_some_and(|brand| HEIC_BRANDS.contains(&brand)) {
        return Sniffed::Heic;
    }
    // ISO 32000 readers accept the header anywhere in the first 1024 bytes.
    let start = &head[..head.len().min(1024)];
    if start.windows(5).any(|window| window == b"%PDF-") {
        return Sniffed::Known(Media::Pdf, None);
    }
    Sniffed::Unknown
}

/// Brands of ISO/IEC 23008-12 (HEIF) files that hold HEVC pictures.
const HEIC_BRANDS: [&[u8]; 8] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"];

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn be16(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

fn le16(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

/// Width and height from the frame header of a JPEG (ITU-T T.81, B.2.2), if the head reaches that far.
fn jpeg_size(head: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        if *head.get(at)? != 0xff {
            return None;
        }
        let marker = *head.get(at + 1)?;
        match marker {
            0xff => at += 1,
            0x01 | 0xd0..=0xd7 => at += 2,
            // Frame headers; C4, C8 and CC are tables and reserved.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((be16(head, at + 7)?, be16(head, at + 5)?));
            }
            0xd9 | 0xda => return None,
            _ => at += 2 + be16(head, at + 2)? as usize,
        }
    }
}

/// Width and height of a WebP (RFC 9649): lossy, lossless or extended.
fn webp_size(head: &[u8]) -> Option<(u32, u32)> {
    match head.get(12..16)? {
        b"VP8 " => Some((le16(head, 26)? & 0x3fff, le16(head, 28)? & 0x3fff)),
        b"VP8L" => {
            let bits = le16(head, 21)? | le16(head, 23)? << 16;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => {
            let three = |at| Some(le16(head, at)? | u32::from(*head.get(at + 2)?) << 16);
            Some((three(24)? + 1, three(27)? + 1))
        }
        _ => None,
    }
}

/// Why a file is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileProblem {
    /// It has no content.
    Empty,
    /// It is larger than the field takes, in bytes.
    TooLarge(u64),
    /// HEIC: the person is told how to make a JPEG of it.
    Heic,
    /// The content is of none of the types the field takes.
    WrongType(Vec<Media>),
    /// An image of absurd dimensions, as picture bombs have.
    HugeImage,
}

/// Judges a file by its first bytes and its size. `Ok` is its type by content.
pub fn judge(head: &[u8], size: u64, types: &[Media], max_bytes: u64) -> Result<Media, FileProblem> {
    if size == 0 {
        return Err(FileProblem::Empty);
    }
    if size > max_bytes {
        return Err(FileProblem::TooLarge(max_bytes));
    }
    match sniff(head) {
        Sniffed::Heic => Err(FileProblem::Heic),
        Sniffed::Known(media, dimensions) if types.contains(&media) => match dimensions {
            Some((width, height))
                if width.max(height) > MAX_IMAGE_SIDE || u64::from(width) * u64::from(height) > MAX_IMAGE_PIXELS =>
            {
                Err(FileProblem::HugeImage)
            }
            _ => Ok(media),
        },
        Sniffed::Known(..) | Sniffed::Unknown => Err(FileProblem::WrongType(types.to_vec())),
    }
}

/// A name that is safe in a page, a header and a file system: the last path component, no control or bidi characters, no
/// leading dots, at most 120 characters, with the extension of its content.
pub fn safe_name(original: &str, media: Media) -> String {
    let last = original.rsplit(['/', '\\']).next().unwrap_or_default();
    let printable = |c: &char| !c.is_control() && !is_invisible(*c);
    // Composed after the filter: what it takes out may stand between a letter and its accent.
    let name: String = last.chars().filter(printable).nfc().take(MAX_ORIGINAL).collect();
    let name = name.trim_matches(|c: char| c == '.' || c.is_whitespace());
    let stem = match name.rsplit_once('.') {
        // "Report v1.2" has no extension, "photo.heic" has.
        Some((stem, extension))
            if (1..=5).contains(&extension.len())
                && extension.chars().all(|c| c.is_ascii_alphanumeric())
                && extension.chars().any(|c| c.is_ascii_alphabetic()) =>
        {
            if media.extension().eq_ignore_ascii_case(extension)
                || (media == Media::Jpeg && extension.eq_ignore_ascii_case("jpeg"))
            {
                return format!("{}.{extension}", shortened(stem));
            }
            stem
        }
        _ => name,
    };
    format!("{}.{}", shortened(stem), media.extension())
}

/// More of a name than this is not even looked at.
const MAX_ORIGINAL: usize = 1000;

/// Longest stem, so that name, dot and extension stay within 120 characters.
const MAX_STEM: usize = 114;

fn shortened(stem: &str) -> String {
    let stem: String = stem.trim_end().chars().take(MAX_STEM).collect();
    let stem = stem.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if stem.is_empty() { "file".to_owned() } else { stem.to_owned() }
}

/// Characters that hide or turn what stands around them: zero-width and bidirectional controls (UAX #9), separators.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PNG's head with these dimensions.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut head = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        head.extend(width.to_be_bytes());
        head.extend(height.to_be_bytes());
        head
    }

    #[test]
    fn the_content_tells_the_type() {
        assert_eq!(sniff(&png(3, 4)), Sniffed::Known(Media::Png, Some((3, 4))));
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\x01\x02\x03\x04\x01";
        assert_eq!(sniff(jpeg), Sniffed::Known(Media::Jpeg, Some((0x304, 0x102))));
        assert_eq!(sniff(b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\x01\0\0\0"), Sniffed::Known(Media::Webp, Some((2, 1))));
        let extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x09\0\0\x04\0\0";
        assert_eq!(sniff(extended), Sniffed::Known(Media::Webp, Some((10, 5))));
        assert_eq!(sniff(b"\n%PDF-1.7 ..."), Sniffed::Known(Media::Pdf, None));
        assert_eq!(sniff(b"\0\0\0\x18ftypheic\0\0"), Sniffed::Heic);
        for unknown in [&b"MZ\x90"[..], b"<svg xmlns", b"GIF89a", b"PK\x03\x04", b"", b"\x89PNG\r\n\x1a\n"] {
            assert_eq!(sniff(unknown), Sniffed::Unknown);
        }
    }

    #[test]
    fn a_file_is_judged_by_content_size_and_dimensions() {
        let all = &Media::ALL[..];
        assert_eq!(judge(b"", 0, all, 10), Err(FileProblem::Empty));
        assert_eq!(judge(b"%PDF-1", 11, all, 10), Err(FileProblem::TooLarge(10)));
        assert_eq!(judge(b"%PDF-1", 6, &[Media::Png], 10), Err(FileProblem::WrongType(vec![Media::Png])));
        assert_eq!(judge(b"MZ", 2, all, 10), Err(FileProblem::WrongType(all.to_vec())));
        assert_eq!(judge(b"\0\0\0\x18ftypmif1", 12, all, 100), Err(FileProblem::Heic));
        assert_eq!(judge(&png(60_000, 60_000), 24, all, 100), Err(FileProblem::HugeImage));
        assert_eq!(judge(&png(20_001, 1), 24, all, 100), Err(FileProblem::HugeImage));
        assert_eq!(judge(&png(4000, 3000), 24, all, 100), Ok(Media::Png));
    }

    #[test]
    fn names_are_made_safe_and_wrong_extensions_corrected() {
        for (original, media, safe) in [
            ("passport.pdf", Media::Pdf, "passport.pdf"),
            ("Passport.PDF", Media::Pdf, "Passport.PDF"),
            ("photo.jpeg", Media::Jpeg, "photo.jpeg"),
            ("photo.png", Media::Jpeg, "photo.jpg"),
            ("cv.exe", Media::Pdf, "cv.pdf"),
            ("Report v1.2", Media::Pdf, "Report v1.2.pdf"),
            ("../../etc/passwd", Media::Pdf, "passwd.pdf"),
            ("C:\\Users\\me\\cv.pdf", Media::Pdf, "cv.pdf"),
            ("a\r\nb\0.pdf", Media::Pdf, "ab.pdf"),
            ("\u{202e}fdp.exe", Media::Pdf, "fdp.pdf"),
            ("..", Media::Png, "file.png"),
            ("", Media::Webp, "file.webp"),
            (".htaccess", Media::Pdf, "htaccess.pdf"),
            ("<script>.pdf", Media::Pdf, "<script>.pdf"),
            ("Re\u{301}sume\u{301}.pdf", Media::Pdf, "Résumé.pdf"),
            ("Re\0\u{301}sume\u{202e}\u{301}.pdf", Media::Pdf, "Résumé.pdf"),
        ] {
            assert_eq!(safe_name(original, media), safe, "{original:?}");
        }
        let long = safe_name(&"é".repeat(5000), Media::Jpeg);
        assert_eq!(long.chars().count(), 118);
        assert_eq!(long.rsplit_once('.').unwrap().1, "jpg");
    }
}

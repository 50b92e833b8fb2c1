//! The folder of mails. Writers put a file there under another name and rename it to `*.eml` when it is complete, so every
//! `.eml` file is whole.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Longest file name of a mail.
const MAX_NAME: usize = 200;

/// How much of a mail is read for the list; the headers are in it.
const HEAD: u64 = 64 * 1024;

/// Largest mail that is shown, in bytes.
const MAX_MAIL: u64 = 32 * 1024 * 1024;

/// Where the mails are.
#[derive(Clone, Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

/// Names of a page of the list, newest first.
#[derive(Debug)]
pub(crate) struct Names {
    /// Names on this page.
    pub(crate) names: Vec<String>,
    /// Mails in all.
    pub(crate) total: usize,
}

impl Folder {
    /// The names of all mails, newest first, without the first `skip`, at most `most`. A folder that is not there has no
    /// mails yet.
    pub(crate) fn names(&self, skip: usize, most: usize) -> io::Result<Names> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Names { names: Vec::new(), total: 0 });
            }
            Err(error) => return Err(error),
        };
        let mut mails: Vec<(SystemTime, String)> = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // The file may be deleted meanwhile; a link is none of ours.
            let Ok(about) = entry.metadata() else { continue };
            if is_name(&name) && about.is_file() {
                mails.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), name));
            }
        }
        mails.sort_unstable_by(|a, b| b.cmp(a));
        let total = mails.len();
        let names = mails.into_iter().skip(skip).take(most).map(|(_, name)| name).collect();
        Ok(Names { names, total })
    }

    /// The beginning of a mail; empty if it is gone.
    pub(crate) fn head(&self, name: &str) -> Vec<u8> {
        self.read(name, HEAD).ok().flatten().unwrap_or_default()
    }

    /// A mail, if there is one of this name; of one larger than [`MAX_MAIL`] the beginning.
    pub(crate) fn mail(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.read(name, MAX_MAIL)
    }

    fn read(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        if !is_name(name) {
            return Ok(None);
        }
        let path: &Path = &self.0.join(name);
        let read = || -> io::Result<Vec<u8>> {
            if !fs::symlink_metadata(path)?.is_file() {
                return Err(io::ErrorKind::NotFound.into());
            }
            let mut content = Vec::new();
            File::open(path)?.take(most).read_to_end(&mut content)?;
            Ok(content)
        };
        match read() {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether a name is one that mails have: a letter or digit, then letters, digits, `.`, `_` and `-`, never two dots in a
/// row, and `.eml` at the end. So it is no path, no hidden file, and safe in a URL as it is.
pub(crate) fn is_name(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".eml") else { return false };
    name.len() <= MAX_NAME
        && stem.starts_with(|first: char| first.is_ascii_alphanumeric())
        && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn only_plain_names_are_names_of_mails() {
        for name in ["a.eml", "0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b.eml", "20261104T170000Z_kc-7f3k.2.eml"] {
            assert!(is_name(name), "{name}");
        }
        let long = format!("{}.eml", "a".repeat(200));
        for name in [
            "",
            ".eml",
            "..eml",
            "a..eml",
            "a.eml.tmp",
            "a.EML",
            ".a.eml",
            "-a.eml",
            "../a.eml",
            "/a.eml",
            "a/b.eml",
            "..\\a.eml",
            "a\0.eml",
            "a\n.eml",
            "a b.eml",
            "ä.eml",
            "a%2f.eml",
            "../../etc/passwd",
            "a.eml\n",
            &long,
        ] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}

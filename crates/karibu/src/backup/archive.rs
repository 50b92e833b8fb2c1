//! The file of a backup: a plain tar whose first member says what it is, and whose last two say what must be in it.
//!
//! Members, in this order: `karibu-backup` (the format's number), `karibu.db`, then those of the rest that there are
//! (`karibu.toml`, `secret.key`, `tls/…`, `mail/…`), `manifest.json`, and `manifest.sha256`, without which the file was
//! cut off.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use crate::folder::private_folder;
use crate::progress::Progress;
use crate::refusal::{Outcome, Refusal};

/// The format that is written, and the newest that can be read.
const FORMAT: u32 = 1;

/// The first member.
const HEAD: &str = "karibu-backup";

/// The database.
pub(super) const DATABASE: &str = "karibu.db";

/// The last member but one, and its SHA-256.
const MANIFEST: &str = "manifest.json";
const SEAL: &str = "manifest.sha256";

/// Most bytes of a manifest: some million mails.
const MANIFEST_BYTES: u64 = 256 << 20;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Of this format.
    pub(super) format: u32,
    /// Version of the Karibu that made it.
    pub(super) karibu: String,
    /// Commit of it.
    pub(super) commit: String,
    /// When it was begun: everything from before is in it.
    pub(super) made_at: Timestamp,
    /// The newest migration of the database.
    pub(super) schema: i64,
    /// Rows by table.
    pub(super) tables: BTreeMap<String, u64>,
    /// All other members.
    pub(super) members: BTreeMap<String, Member>,
}

/// A member of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    /// Bytes.
    pub(super) size: u64,
    /// In hexadecimal digits.
    pub(super) sha256: String,
}

impl Manifest {
    /// Of a backup that this program makes now.
    pub(super) fn new(made_at: Timestamp, schema: i64, tables: BTreeMap<String, u64>) -> Self {
        Self {
            format: FORMAT,
            karibu: env!("CARGO_PKG_VERSION").to_owned(),
            commit: crate::cli::COMMIT.to_owned(),
            made_at,
            schema,
            tables,
            members: BTreeMap::new(),
        }
    }

    /// Rows of a table.
    pub(super) fn rows(&self, table: &str) -> u64 {
        self.tables.get(table).copied().unwrap_or_default()
    }

    /// Members in a folder.
    pub(super) fn count_in(&self, folder: &str) -> usize {
        self.members.keys().filter(|name| name.starts_with(folder)).count()
    }
}

/// Writes an archive.
pub(super) struct Writer<W: Write> {
    tar: Builder<W>,
    manifest: Manifest,
}

impl<W: Write> Writer<W> {
    /// Begins one.
    pub(super) fn new(out: W, manifest: Manifest) -> io::Result<Self> {
        let mut writer = Self { tar: Builder::new(out), manifest };
        writer.put(HEAD, format!("{FORMAT}\n").as_bytes())?;
        Ok(writer)
    }

    /// Adds a file as it is now; one that is gone by now is left out.
    pub(super) fn file(&mut self, name: &str, path: &Path, progress: Option<&Progress>) -> io::Result<()> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let size = file.metadata()?.len();
        let mut reader = Summing { inner: file.take(size), hash: Sha256::new(), read: 0, progress };
        self.tar.append_data(&mut header(size), name, &mut reader)?;
        if reader.read != size {
            return Err(io::Error::other(format!("{} became shorter while it was read", path.display())));
        }
        let sha256 = hex(&reader.hash.finalize());
        self.manifest.members.insert(name.to_owned(), Member { size, sha256 });
        Ok(())
    }

    /// Ends it, and gives what it holds.
    pub(super) fn finish(mut self) -> io::Result<(W, Manifest)> {
        let text = serde_json::to_vec_pretty(&self.manifest).map_err(io::Error::other)?;
        self.put(MANIFEST, &text)?;
        self.put(SEAL, format!("{}\n", hex(&Sha256::digest(&text))).as_bytes())?;
        Ok((self.tar.into_inner()?, self.manifest))
    }

    fn put(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.tar.append_data(&mut header(content.len() as u64), name, content)
    }
}

/// Reads an archive from its beginning to its end into the empty folder `into`, and returns only when all of it is as it
/// was made. `called` is the file's name for people.
pub(super) fn unpack(archive: impl Read, called: &str, into: &Path, progress: &Progress) -> Outcome<Manifest> {
    let damaged = || {
        Refusal::found(format!("{called} is cut off or was changed since it was made: take another copy of the backup"))
    };
    let foreign = || Refusal::found(format!("{called} is no backup of Karibu: name a file that `karibu backup` made"));
    let mut archive = Archive::new(archive);
    // Raw: extensions, which could give a member another name or kind, come as members and are refused.
    let mut entries = archive.entries().map_err(|_| foreign())?.raw(true);
    let mut head = entries.next().ok_or_else(foreign)?.map_err(|_| foreign())?;
    if head.path_bytes() != HEAD.as_bytes() {
        return Err(foreign());
    }
    let format: u32 = short(&mut head, 16).and_then(|text| text.trim().parse().ok()).ok_or_else(damaged)?;
    if format > FORMAT {
        return Err(Refusal::found(format!("{called} was made by a newer Karibu: restore it with that version")));
    }
    let mut unpacked = BTreeMap::new();
    let mut manifest = None;
    for entry in entries {
        let mut entry = entry.map_err(|_| damaged())?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if manifest.is_some() && name == SEAL {
            let seal = short(&mut entry, 128).ok_or_else(damaged)?;
            let text: Vec<u8> = manifest.unwrap_or_default();
            if seal.trim() != hex(&Sha256::digest(&text)) {
                return Err(damaged());
            }
            let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| damaged())?;
            let whole = manifest.format == format && manifest.members == unpacked;
            return if whole { Ok(manifest) } else { Err(damaged()) };
        }
        if name == MANIFEST && manifest.is_none() {
            let mut text = Vec::new();
            (&mut entry).take(MANIFEST_BYTES).read_to_end(&mut text).map_err(|_| damaged())?;
            manifest = Some(text);
            continue;
        }
        let path = place(&name, into).filter(|_| entry.header().entry_type() == EntryType::Regular);
        let Some(path) = path.filter(|_| manifest.is_none()) else {
            return Err(Refusal::found(format!(
                "{called} holds `{}`, which no backup of Karibu has: take a file that `karibu backup` made",
                name.escape_debug()
            )));
        };
        let size = entry.size();
        let member = write(&mut entry, &path, progress).map_err(|trouble| match trouble {
            Trouble::Reading => damaged(),
            Trouble::Writing(error) => Refusal::found(format!(
                "{} cannot be written ({error}): make room, or name another folder with KARIBU_DATA_DIR",
                path.display()
            )),
        })?;
        if member.size != size || unpacked.insert(name, member).is_some() {
            return Err(damaged());
        }
    }
    Err(damaged())
}

/// Where a member belongs; `None` for every name that is not of a backup. Nothing can leave the folder this way.
fn place(name: &str, into: &Path) -> Option<PathBuf> {
    let plain = |name: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !name.is_empty() && !name.starts_with('.') && name.bytes().all(good)
    };
    let known = match name.split_once('/') {
        None => [DATABASE, "karibu.toml", "secret.key"].contains(&name),
        Some(("tls", file)) => plain(file),
        Some(("mail", file)) => is_mail(file) && plain(file),
        Some(_) => false,
    };
    known.then(|| into.join(name))
}

/// Whether a file of the folder of mails is one.
pub(super) fn is_mail(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "eml")
}

enum Trouble {
    Reading,
    Writing(io::Error),
}

fn write(from: &mut impl Read, path: &Path, progress: &Progress) -> Result<Member, Trouble> {
    if let Some(folder) = path.parent() {
        private_folder(folder).map_err(Trouble::Writing)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        // A second member of the same name.
        io::ErrorKind::AlreadyExists => Trouble::Reading,
        _ => Trouble::Writing(error),
    })?;
    let mut reader = Summing { inner: from, hash: Sha256::new(), read: 0, progress: Some(progress) };
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = reader.read(&mut buffer).map_err(|_| Trouble::Reading)?;
        if n == 0 {
            break;
        }
        file.write_all(&buffer[..n]).map_err(Trouble::Writing)?;
    }
    file.sync_all().map_err(Trouble::Writing)?;
    Ok(Member { size: reader.read, sha256: hex(&reader.hash.finalize()) })
}

/// A short text.
fn short(from: &mut impl Read, most: u64) -> Option<String> {
    let mut text = String::new();
    from.take(most).read_to_string(&mut text).ok().map(|_| text)
}

/// Knows what was read through it.
struct Summing<'a, R> {
    inner: R,
    hash: Sha256,
    read: u64,
    progress: Option<&'a Progress>,
}

impl<R: Read> Read for Summing<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hash.update(&buffer[..n]);
        self.read += n as u64;
        if let Some(progress) = self.progress {
            progress.add(n as u64);
        }
        Ok(n)
    }
}

fn header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_size(size);
    header
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_backup() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("db");
        std::fs::write(&database, vec![7; 100_000]).unwrap();
        let manifest = Manifest::new(Timestamp::UNIX_EPOCH, 1, BTreeMap::from([("event".to_owned(), 1)]));
        let mut writer = Writer::new(Vec::new(), manifest).unwrap();
        writer.file(DATABASE, &database, None).unwrap();
        writer.file("mail/one.eml", &database, None).unwrap();
        writer.file("secret.key", &folder.path().join("gone"), None).unwrap();
        writer.finish().unwrap().0
    }

    fn read(bytes: &[u8]) -> Outcome<Manifest> {
        let into = tempfile::tempdir().unwrap();
        unpack(bytes, "a.tar", into.path(), &Progress::unknown("reading"))
    }

    fn refused(bytes: &[u8]) -> String {
        read(bytes).unwrap_err().to_string()
    }

    /// An archive with these members, each with its own kind.
    fn archive(members: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        for (name, kind, content) in members {
            let mut header = header(content.len() as u64);
            header.set_entry_type(*kind);
            // Written as it stands: `set_path` would refuse to leave the folder.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, *content).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn what_was_written_is_read() {
        let manifest = read(&a_backup()).unwrap();
        assert_eq!((manifest.rows("event"), manifest.rows("mail"), manifest.count_in("mail/")), (1, 0, 1));
        assert_eq!(manifest.members[DATABASE].size, 100_000);
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused() {
        let whole = a_backup();
        // After the last member's 64 digits come a line's end, zeros, and the two empty blocks that end a tar.
        let needed = whole.len() - 1_024 - 512 + 64;
        for length in (0..needed).step_by(5_003).chain([needed - 1, 512, 1_024, 100_000]) {
            let told = refused(&whole[..length]);
            assert!(told.contains("is cut off") || told.contains("is no backup"), "{length}: {told}");
        }
    }

    #[test]
    fn a_changed_byte_in_any_member_is_refused() {
        let whole = a_backup();
        // Heads are at multiples of 512 after the contents; these positions are inside of contents.
        for position in [512, 1_024 + 512 + 5, 50_000, 150_000, whole.len() - 1_024 - 500] {
            let mut changed = whole.clone();
            changed[position] ^= 1;
            assert!(read(&changed).is_err(), "{position}");
        }
    }

    #[test]
    fn foreign_files_are_refused() {
        assert!(refused(b"").contains("is no backup of Karibu"));
        assert!(refused(&b"PK\x03\x04 this is a zip".repeat(100)).contains("is no backup of Karibu"));
        let other = archive(&[("photos/one.jpg", EntryType::Regular, b"x")]);
        assert!(refused(&other).contains("is no backup of Karibu"));
        let newer = archive(&[(HEAD, EntryType::Regular, b"2\n")]);
        assert!(refused(&newer).contains("newer Karibu"));
    }

    #[test]
    fn members_that_no_backup_has_are_refused_and_nothing_leaves_the_folder() {
        for (name, kind) in [
            ("../evil", EntryType::Regular),
            ("/etc/passwd", EntryType::Regular),
            ("mail/../../evil.eml", EntryType::Regular),
            ("tls/..", EntryType::Regular),
            ("mail/a.exe", EntryType::Regular),
            ("karibu.db", EntryType::Symlink),
            ("tls/key.pem", EntryType::Link),
            ("mail", EntryType::Directory),
            ("karibu.db", EntryType::GNUSparse),
            ("././@LongLink", EntryType::GNULongName),
            ("lock", EntryType::Regular),
        ] {
            let parent = tempfile::tempdir().unwrap();
            let into = parent.path().join("a/b");
            std::fs::create_dir_all(&into).unwrap();
            let bytes = archive(&[(HEAD, EntryType::Regular, b"1\n"), (name, kind, b"x")]);
            let refusal = unpack(&bytes[..], "a.tar", &into, &Progress::unknown("reading")).unwrap_err();
            assert!(refusal.to_string().contains("which no backup of Karibu has"), "{name}: {refusal}");
            assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1, "{name}");
        }
    }

    #[test]
    fn a_member_that_comes_twice_is_refused() {
        let twice = archive(&[
            (HEAD, EntryType::Regular, b"1\n"),
            ("secret.key", EntryType::Regular, b"x"),
            ("secret.key", EntryType::Regular, b"y"),
        ]);
        assert!(refused(&twice).contains("was changed"));
    }
}

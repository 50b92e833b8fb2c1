//! A file that appears when it is complete.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file about to be written: beside its place, and only readable by its owner, until it is complete. One that is dropped
/// before leaves nothing behind.
pub(super) struct Output {
    folder: PathBuf,
    to: To,
}

enum To {
    /// A file beside the target, and the target.
    File(NamedTempFile, PathBuf),
    /// A pipe or a device: it cannot be replaced.
    Stream(File),
}

impl Output {
    /// Begins a file at `target`. Pipes and devices are taken if `streams` says so.
    pub(super) fn begin(target: &Path, streams: bool) -> io::Result<Self> {
        // What a link leads to is replaced, not the link.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.to_owned();
        let to = match fs::metadata(&target) {
            Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if !there.is_file() && streams => To::Stream(File::options().write(true).open(&target)?),
            Ok(there) if !there.is_file() => return Err(io::Error::other("it is a pipe or a device")),
            _ => To::File(tempfile::Builder::new().prefix(".karibu-").suffix(".part").tempfile_in(&folder)?, target),
        };
        Ok(Self { folder, to })
    }

    /// Where its bytes go.
    pub(super) fn file(&self) -> &File {
        match &self.to {
            To::File(file, _) => file.as_file(),
            To::Stream(file) => file,
        }
    }

    /// The folder that it is in.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts it into its place when it is on the disk.
    pub(super) fn finish(self) -> io::Result<()> {
        if let To::File(file, target) = self.to {
            file.as_file().sync_all()?;
            file.persist(target).map_err(|error| error.error)?;
            // The name must survive a power cut, too.
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn it_appears_whole_and_private_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("list.csv");
        fs::write(&target, "before").unwrap();
        let output = Output::begin(&target, true).unwrap();
        output.file().write_all(b"half").unwrap();
        drop(output);
        assert_eq!(names(folder.path()), ["list.csv"]);
        assert_eq!(fs::read_to_string(&target).unwrap(), "before");

        let output = Output::begin(&target, true).unwrap();
        output.file().write_all(b"after").unwrap();
        output.finish().unwrap();
        assert_eq!(names(folder.path()), ["list.csv"]);
        assert_eq!(fs::read_to_string(&target).unwrap(), "after");
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_device_is_written_and_never_replaced() {
        let output = Output::begin(Path::new("/dev/null"), true).unwrap();
        output.file().write_all(b"x").unwrap();
        output.finish().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(Output::begin(Path::new("/dev/null"), false).is_err());
        assert!(Output::begin(Path::new("/tmp"), true).is_err());
        assert!(Output::begin(Path::new("/nowhere/at/all.csv"), true).is_err());
    }
}

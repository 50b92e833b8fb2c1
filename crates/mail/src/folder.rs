//! Mails as `.eml` files, when no relay is set.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::classify::scrub;
use crate::{Dialogue, Message, SendError, Transport, mentions};

/// Writes each message as `TIME-ID.eml` into a folder that only its owner can read.
///
/// ID is the local part of the Message-ID and TIME is when the mail was made, which that id tells (RFC 9562 version 7), so a
/// mail that is written again replaces its own file. The file appears whole or not at all, and is on the disk when `send`
/// returns.
#[derive(Clone, Debug)]
pub struct FolderTransport {
    folder: PathBuf,
}

impl FolderTransport {
    /// Into this folder, which is made when it is first needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Removes the mails of an event that were written at `since` or later and name somebody, as the tables of the latest
    /// registrations do in mails about others. Gives the ids of those mails.
    pub async fn forget_naming(&self, event: &str, name: &str, since: Timestamp) -> Result<Vec<String>, SendError> {
        let (folder, name) = (self.folder.clone(), name.to_owned());
        let header = format!("X-Karibu-Event: {event}\r\n");
        blocking(move || forget_naming(&folder, header.as_bytes(), &name, since)).await
    }
}

#[async_trait]
impl Transport for FolderTransport {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        let bytes = message.to_bytes()?;
        let (folder, name) = (self.folder.clone(), file_name(&message.message_id));
        blocking(move || write(&folder, &name, &bytes)).await
    }

    async fn probe(&self) -> Result<(), SendError> {
        let folder = self.folder.clone();
        blocking(move || {
            let part = folder.join(".probe.tmp");
            // Content too, or a full disk would look well.
            write_part(&folder, &part, &[b'.'; 4096])?;
            fs::remove_file(part)
        })
        .await
    }

    async fn diagnose(&self, message: Option<&Message>) -> Dialogue {
        const ADVICE: &str = "make the folder writable for this user, and see that the disk is not full";
        let mut dialogue = Dialogue::default();
        let folder = self.folder.display();
        if let Err(error) = self.probe().await {
            dialogue.failed("folder", error.to_string(), ADVICE);
            return dialogue;
        }
        dialogue.doubtful(
            "folder",
            format!("mails are kept as files in {folder} and leave by no relay"),
            "set KARIBU_SMTP_URL and KARIBU_MAIL_FROM when mails shall leave",
        );
        if let Some(message) = message {
            match self.send(message).await {
                Ok(()) => {
                    dialogue.fine("message", format!("written to {folder}/{}", file_name(&message.message_id)));
                }
                Err(error) => dialogue.failed("message", error.to_string(), ADVICE),
            }
        }
        dialogue
    }

    async fn forget(&self, message_ids: &[String]) -> Result<(), SendError> {
        let (folder, message_ids) = (self.folder.clone(), message_ids.to_vec());
        blocking(move || forget(&folder, &message_ids)).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, SendError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other).and_then(|result| result);
    done.map_err(|error| SendError::Relay(scrub(&format!("mail folder: {error}"), "")))
}

fn file_name(message_id: &str) -> String {
    let local = message_id.trim_matches(['<', '>']).split('@').next().unwrap_or_default();
    let Ok(id) = local.parse::<Uuid>() else {
        // Not one of ours; still a name that is safe in a folder.
        let safe: String = local.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(80).collect();
        return format!("{safe}.eml");
    };
    let made = id
        .get_timestamp()
        .and_then(|at| Timestamp::new(at.to_unix().0.try_into().ok()?, 0).ok())
        .map_or_else(String::new, |at| at.strftime("%Y%m%dT%H%M%SZ-").to_string());
    format!("{made}{id}.eml")
}

fn open(folder: &Path, path: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Writes a file that is not a mail yet. Where that fails, nothing of it stays.
fn write_part(folder: &Path, part: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = open(folder, part)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // The disk may be full: what was written takes room that others need.
        let _ = fs::remove_file(part);
    }
    written
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let part = folder.join(format!("{name}.tmp"));
    write_part(folder, &part, bytes)?;
    fs::rename(&part, folder.join(name))?;
    // The name is only on the disk when the folder is.
    File::open(folder)?.sync_all()
}

/// Removes mails with what they say; those that are not there are no matter.
fn forget(folder: &Path, message_ids: &[String]) -> io::Result<()> {
    if message_ids.is_empty() || !folder.is_dir() {
        return Ok(());
    }
    for message_id in message_ids {
        let name = file_name(message_id);
        erase(&folder.join(format!("{name}.tmp")))?;
        erase(&folder.join(name))?;
    }
    File::open(folder)?.sync_all()
}

fn forget_naming(folder: &Path, event: &[u8], name: &str, since: Timestamp) -> io::Result<Vec<String>> {
    let mut ids = Vec::new();
    if !folder.is_dir() {
        return Ok(ids);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let file = entry.file_name();
        let Some(stem) = file.to_str().and_then(|file| file.strip_suffix(".eml")) else { continue };
        // One that goes in the meantime is no matter.
        let Ok(written) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
        if Timestamp::try_from(written).is_ok_and(|written| written < since) {
            continue;
        }
        let Ok(mail) = fs::read(entry.path()) else { continue };
        if mail.windows(event.len()).any(|part| part == event) && mentions::names(&mail, name) {
            erase(&entry.path())?;
            ids.push(stem.split_once('-').map_or(stem, |(_, id)| id).to_owned());
        }
    }
    File::open(folder)?.sync_all()?;
    Ok(ids)
}

/// Overwrites a file, then removes it: removing alone leaves what it said on the disk.
fn erase(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let size = file.metadata()?.len();
    io::copy(&mut io::repeat(0).take(size), &mut file)?;
    file.sync_all()?;
    match fs::remove_file(path) {
        // One that was being written has its name by now, and nothing in it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::samples::message;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_mail_is_a_file_that_only_its_owner_reads() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("mail");
        let transport = FolderTransport::new(&folder);
        transport.probe().await.unwrap();
        transport.send(&message()).await.unwrap();

        assert_eq!(names(&folder), ["20261104T083102Z-01a1a5ae-d970-7000-8000-00000000002a.eml"]);
        let file = folder.join(&names(&folder)[0]);
        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
        let content = fs::read_to_string(file).unwrap();
        assert!(content.contains("Message-ID: <01a1a5ae-d970-7000-8000-00000000002a@register.example.org>\r\n"));
    }

    #[tokio::test]
    async fn the_same_mail_again_replaces_its_own_file() {
        let data = tempfile::tempdir().unwrap();
        let transport = FolderTransport::new(data.path());
        transport.send(&message()).await.unwrap();
        let again = Message { text: "Changed meanwhile.".to_owned(), ..message() };
        transport.send(&again).await.unwrap();

        let [name] = &names(data.path())[..] else { panic!("one file") };
        assert!(fs::read_to_string(data.path().join(name)).unwrap().contains("Changed meanwhile."));
    }

    #[tokio::test]
    async fn a_forgotten_mail_is_overwritten_and_gone_and_others_stay() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("mail");
        let transport = FolderTransport::new(&folder);
        transport.forget(&["<nobody@example.org>".to_owned()]).await.unwrap();
        transport.send(&message()).await.unwrap();
        let other = "<01a1a5ae-d970-7000-8000-00000000002b@register.example.org>".to_owned();
        transport.send(&Message { message_id: other, ..message() }).await.unwrap();
        let file = folder.join("20261104T083102Z-01a1a5ae-d970-7000-8000-00000000002a.eml");
        // A second name shows what is left of the content.
        let kept = data.path().join("kept");
        fs::hard_link(&file, &kept).unwrap();

        let forgotten = [message().message_id, "<../../kept@x>".to_owned()];
        transport.forget(&forgotten).await.unwrap();
        transport.forget(&forgotten).await.unwrap();
        assert_eq!(names(&folder), ["20261104T083102Z-01a1a5ae-d970-7000-8000-00000000002b.eml"]);
        let content = fs::read(kept).unwrap();
        assert!(!content.is_empty() && content.iter().all(|byte| *byte == 0));
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_a_relay_fault() {
        let data = tempfile::tempdir().unwrap();
        let in_the_way = data.path().join("mail");
        fs::write(&in_the_way, "a file").unwrap();
        let transport = FolderTransport::new(&in_the_way);
        assert!(matches!(transport.send(&message()).await, Err(SendError::Relay(_))));
        assert!(matches!(transport.probe().await, Err(SendError::Relay(_))));
    }

    #[test]
    fn a_foreign_message_id_cannot_leave_the_folder() {
        assert_eq!(file_name("<../../etc/passwd@x>"), "etcpasswd.eml");
    }
}

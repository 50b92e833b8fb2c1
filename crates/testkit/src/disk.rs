//! Small disks that get full, lose their last inode or become read-only.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A disk of one's own. It goes on drop, and with the test's process.
pub struct Disk {
    folder: TempDir,
    keeper: Child,
}

impl Disk {
    /// A disk in memory of so many MiB and inodes. `None`, with the reason printed, where nothing can be mounted.
    pub fn in_memory(megabytes: u32, inodes: u32) -> Option<Self> {
        let size = format!("size={megabytes}m,nr_inodes={inodes},mode=0711");
        Self::mount("mount -t tmpfs -o \"$2\" tmpfs \"$1/disk\"", &size)
    }

    /// An ext4 disk of so many MiB, which becomes read-only at its first error. `None` as above.
    pub fn ext4(megabytes: u32) -> Option<Self> {
        let script = "dd if=/dev/zero of=\"$1/image\" bs=1M count=\"$2\" status=none && mkfs.ext4 -q \"$1/image\" &&
            mount -o loop,errors=remount-ro \"$1/image\" \"$1/disk\"";
        Self::mount(script, &megabytes.to_string())
    }

    fn mount(script: &str, argument: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::create_dir(folder.path().join("disk")).expect("a folder can be made");
        if let Err(reason) = sh(script, folder.path(), argument) {
            println!("SKIPPED: no disk can be mounted here: {}", reason.trim());
            return None;
        }
        // Its standard input ends when this process does, however it does.
        let keeper = Command::new("sh")
            .args(["-c", "cat >/dev/null; umount -l \"$1/disk\"", "sh"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh runs");
        Some(Self { folder, keeper })
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.filling()).expect("a file can be made");
        for size in [1 << 20, 4096, 1] {
            let block = vec![0; size];
            loop {
                match file.write(&block) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("the disk cannot be filled: {error}"),
                }
            }
        }
    }

    /// Takes its last inode: no file can be made any more.
    pub fn use_up_inodes(&self) {
        std::fs::create_dir(self.filling()).expect("a folder can be made");
        for n in 0.. {
            match File::create(self.filling().join(n.to_string())) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("the inodes cannot be used up: {error}"),
            }
        }
    }

    /// Gives the space back that [`Self::fill`] or [`Self::use_up_inodes`] took.
    pub fn free(&self) {
        let filling = self.filling();
        let freed = if filling.is_dir() { std::fs::remove_dir_all(filling) } else { std::fs::remove_file(filling) };
        freed.expect("it is there");
    }

    /// Makes all files of an ext4 disk read-only, for root too, or writable again.
    pub fn set_immutable(&self, immutable: bool) {
        self.told(if immutable { "chattr -R +i \"$1/disk\"" } else { "chattr -R -i \"$1/disk\"" });
    }

    /// Makes an ext4 disk read-only under whoever writes to it, as a broken one becomes.
    pub fn break_off(&self) {
        self.told("mount -o remount,abort \"$1/disk\"");
    }

    /// Mends an ext4 disk that broke off, as an operator does. Nobody may use it meanwhile.
    pub fn mend(&self) {
        self.told(
            "umount \"$1/disk\" && { e2fsck -fp \"$1/image\" >/dev/null; [ $? -le 1 ]; } &&
             mount -o loop,errors=remount-ro \"$1/image\" \"$1/disk\"",
        );
    }

    fn told(&self, script: &str) {
        sh(script, self.folder.path(), "").expect("the disk does as it is told");
    }

    fn filling(&self) -> PathBuf {
        self.path().join("filling")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn sh(script: &str, folder: &Path, argument: &str) -> Result<(), String> {
    let output = Command::new("sh").args(["-c", script, "sh"]).arg(folder).arg(argument).output().expect("sh runs");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

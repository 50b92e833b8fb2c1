//! A throw-away SMTP server: a real one (aiosmtpd), which keeps mails as files and fails as it is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::letters::Letter;
use crate::serve::wait_for;
use crate::tls::Certificates;

/// How a server speaks TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    None,
    /// After STARTTLS, which it demands (RFC 3207).
    #[default]
    Starttls,
    /// From the first byte on (RFC 8314).
    Implicit,
}

/// How a server is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How it speaks TLS.
    pub tls: Tls,
    /// User and password that it demands.
    pub login: Option<(&'static str, &'static str)>,
}

/// Where a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Instead of the greeting.
    Connect,
    /// At EHLO, before and after STARTTLS.
    Ehlo,
    /// At STARTTLS.
    Starttls,
    /// At AUTH.
    Auth,
    /// At MAIL FROM.
    Mail,
    /// At every RCPT TO.
    Rcpt,
    /// At DATA, before the message.
    Data,
    /// After the dot that ends the message.
    Content,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Self; 8] =
        [Self::Connect, Self::Ehlo, Self::Starttls, Self::Auth, Self::Mail, Self::Rcpt, Self::Data, Self::Content];

    fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Ehlo => "ehlo",
            Self::Starttls => "starttls",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Content => "content",
        }
    }
}

/// How a server behaves towards everybody, until it is told otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Mode<'a> {
    /// As a relay should.
    #[default]
    Healthy,
    /// Answers so (like `421 4.3.2 closing`) at this stage; closes after a 421.
    Reply(Stage, &'a str),
    /// Resets the connection at this stage instead of an answer; takes no mail.
    Drop(Stage),
    /// A tarpit at one stage: the answer comes so late. After the dot, the mail is taken at once.
    Late(Stage, Duration),
    /// A tarpit everywhere: answers come byte by byte, with this pause between them.
    Trickle(Duration),
    /// Nobody listens, and open connections are reset.
    Refuse,
    /// Resets the connection in the midst of the message.
    CutBeforeDot,
    /// Takes the mail and resets the connection instead of an answer ([`ReceivedMail::answered`] is false).
    CutAfterDot,
    /// The TLS handshake fails.
    BrokenTls,
    /// A certificate of the right authority for another name.
    WrongCertificate,
    /// A certificate that has ended.
    ExpiredCertificate,
    /// No password is right.
    WrongPassword,
}

impl Mode<'_> {
    fn to_json(self, number: u64) -> Value {
        let at = |mode: &str, stage: Stage| json!({"mode": mode, "stage": stage.as_str()});
        let mut told = match self {
            Self::Healthy => json!({"mode": "healthy"}),
            Self::Reply(stage, reply) => {
                let mut told = at("reply", stage);
                told["reply"] = reply.into();
                told
            }
            Self::Drop(stage) => at("drop", stage),
            Self::Late(stage, wait) => {
                let mut told = at("late", stage);
                told["seconds"] = wait.as_secs_f64().into();
                told
            }
            Self::Trickle(pause) => json!({"mode": "trickle", "seconds": pause.as_secs_f64()}),
            Self::Refuse => json!({"mode": "refuse"}),
            Self::CutBeforeDot => json!({"mode": "cut-before-dot"}),
            Self::CutAfterDot => json!({"mode": "cut-after-dot"}),
            Self::BrokenTls => json!({"mode": "broken-tls"}),
            Self::WrongCertificate => json!({"mode": "certificate", "which": "elsewhere"}),
            Self::ExpiredCertificate => json!({"mode": "certificate", "which": "expired"}),
            Self::WrongPassword => {
                return Mode::Reply(Stage::Auth, "535 5.7.8 Error: authentication failed").to_json(number);
            }
        };
        told["number"] = number.into();
        told
    }
}

/// A mail that a server took.
#[derive(Clone, Debug)]
pub struct ReceivedMail {
    /// The sender of the envelope.
    pub envelope_from: String,
    /// The recipients of the envelope.
    pub rcpt: Vec<String>,
    /// Whether it came by TLS.
    pub tls: bool,
    /// Whether the client was told that it was taken.
    pub answered: bool,
    /// The mail itself (RFC 5322).
    pub raw: Vec<u8>,
}

impl ReceivedMail {
    /// The mail as a mail program shows it.
    pub fn letter(&self) -> Letter {
        Letter::read(&self.raw)
    }

    /// Its Message-ID without angle brackets; empty if it has none.
    pub fn message_id(&self) -> String {
        let head = String::from_utf8_lossy(&self.raw);
        let mut lines = head.lines().take_while(|line| !line.is_empty());
        let id = lines.find_map(|line| line.strip_prefix("Message-ID:")).unwrap_or_default();
        id.trim().trim_matches(['<', '>']).to_owned()
    }
}

/// A running SMTP server on 127.0.0.1. Its process ends on drop, and with the test's process.
///
/// A recipient's local part may ask for a refusal: `rcpt-550-5.1.1@example.org` is answered `550 5.1.1 …` at RCPT,
/// `data-552@example.org` is answered `552 …` after DATA; what follows a `+` is of no account.
pub struct SmtpServer {
    options: Options,
    folder: PathBuf,
    /// Goes with the server.
    temporary: Option<TempDir>,
    /// Whether somebody else runs it, in a container.
    elsewhere: bool,
    port: u16,
    process: Option<Child>,
    /// How many modes were set, so that the server can tell which one holds.
    modes: AtomicU64,
}

impl SmtpServer {
    /// Starts a server on a free port.
    pub async fn start(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut server = Self::in_folder(options, folder.path().to_owned());
        server.temporary = Some(folder);
        server.start_again().await;
        server
    }

    /// A server that somebody else runs by `smtp/server.py`, in a container which has this folder too; it must be writable there.
    pub fn elsewhere(folder: &Path) -> Self {
        let mut server = Self::in_folder(Options::default(), folder.to_owned());
        server.elsewhere = true;
        server
    }

    /// The same for a folder that [`Self::elsewhere`] filled before.
    pub fn joined(folder: &Path) -> Self {
        let folder = folder.to_owned();
        let modes = AtomicU64::new(0);
        Self { options: Options::default(), folder, temporary: None, elsewhere: true, port: 0, process: None, modes }
    }

    /// Fills the folder.
    fn in_folder(options: Options, folder: PathBuf) -> Self {
        std::fs::create_dir(folder.join("mails")).expect("a folder can be made");
        let made = Certificates::make();
        for (name, pem) in [
            ("ca.pem", made.ca),
            ("certificate.pem", made.certificate),
            ("key.pem", made.key),
            ("elsewhere.pem", made.elsewhere.0),
            ("elsewhere-key.pem", made.elsewhere.1),
            ("expired.pem", made.expired.0),
            ("expired-key.pem", made.expired.1),
        ] {
            std::fs::write(folder.join(name), pem).expect("a file can be written");
        }
        let modes = AtomicU64::new(0);
        Self { options, folder, temporary: None, elsewhere: false, port: 0, process: None, modes }
    }

    /// Ends the process; mails and port stay. Connections are refused until [`Self::start_again`].
    pub async fn stop(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().await.expect("it can be killed");
    }

    /// Starts it again on the same port, after [`Self::stop`].
    pub async fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let path = |name: &str| self.folder.join(name);
        let tls = match self.options.tls {
            Tls::None => "none",
            Tls::Starttls => "starttls",
            Tls::Implicit => "implicit",
        };
        let settings = json!({
            "port": self.port,
            "folder": self.folder(),
            "control": self.control(),
            "seen": self.seen(),
            "tls": tls,
            "certificates": {
                "right": [path("certificate.pem"), path("key.pem")],
                "elsewhere": [path("elsewhere.pem"), path("elsewhere-key.pem")],
                "expired": [path("expired.pem"), path("expired-key.pem")],
            },
            "user": self.options.login.map(|(user, _)| user),
            "password": self.options.login.map(|(_, password)| password),
        });
        // The system's Python: another one in the path does not have Debian's aiosmtpd.
        let mut process = Command::new("/usr/bin/python3")
            .args(["-I", concat!(env!("CARGO_MANIFEST_DIR"), "/smtp/server.py")])
            .arg(settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Python is installed");
        let mut lines = BufReader::new(process.stdout.take().expect("it was piped")).lines();
        let ready = lines.next_line().await.expect("it can be read").expect("aiosmtpd is installed (ci/setup)");
        self.port = ready.strip_prefix("ready ").and_then(|port| port.parse().ok()).expect("it says its port");
        self.process = Some(process);
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL as the setting `SMTP_URL` takes it, with the login if one is demanded.
    pub fn url(&self) -> String {
        let login = self.options.login.map(|(user, password)| format!("{user}:{password}@")).unwrap_or_default();
        self.url_with(&login)
    }

    /// The URL with another login, like `user:password@`, or with none.
    pub fn url_with(&self, login: &str) -> String {
        let scheme = if self.options.tls == Tls::Implicit { "smtps" } else { "smtp" };
        let tls = if self.options.tls == Tls::None { "?tls=none" } else { "" };
        format!("{scheme}://{login}localhost:{}{tls}", self.port)
    }

    /// The authority of its certificate, as the setting `CA_FILE` takes it.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The folder of its mails as `.eml` files.
    pub fn folder(&self) -> PathBuf {
        self.folder.join("mails")
    }

    /// From now on, every client gets `reply` (like `421 4.3.2 closing`) at this stage; `drop` resets the connection
    /// instead. `None` ends the fault.
    pub fn set_fault(&self, fault: Option<(Stage, &str)>) {
        self.set_mode(match fault {
            None => Mode::Healthy,
            Some((stage, "drop")) => Mode::Drop(stage),
            Some((stage, reply)) => Mode::Reply(stage, reply),
        });
    }

    /// Behaves so from now on, towards new and open connections; the mode holds when this returns. A server that is stopped
    /// begins with it.
    pub fn set_mode(&self, mode: Mode<'_>) {
        let number = self.modes.fetch_add(1, Ordering::Relaxed) + 1;
        // Renamed into its place: the server never reads half of it.
        let new = self.folder.join(format!("control.{number}"));
        std::fs::write(&new, mode.to_json(number).to_string()).expect("it can be written");
        std::fs::rename(&new, self.control()).expect("it can be renamed");
        let begun = Instant::now();
        let runs = self.elsewhere || self.process.is_some();
        while runs && std::fs::read_to_string(self.seen()).ok() != Some(number.to_string()) {
            assert!(begun.elapsed() < Duration::from_secs(30), "the server does not take {mode:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The mails that it took so far, in their order.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        let entries = std::fs::read_dir(self.folder()).expect("the folder can be read");
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "eml"));
        files.sort();
        files.iter().map(|file| received(file)).collect()
    }

    /// How often each mail was taken, by its Message-ID and recipient: a number above 1 is a repeat.
    pub fn deliveries(&self) -> BTreeMap<(String, String), usize> {
        let mut deliveries = BTreeMap::new();
        for mail in self.mails() {
            for recipient in &mail.rcpt {
                *deliveries.entry((mail.message_id(), recipient.clone())).or_default() += 1;
            }
        }
        deliveries
    }

    /// Waits until it took at least `n` mails and gives all of them.
    pub async fn wait_for(&self, n: usize) -> Vec<ReceivedMail> {
        wait_for(&format!("{n} mails"), async || {
            let mails = self.mails();
            (mails.len() >= n).then_some(mails)
        })
        .await
    }

    /// The most connections that were open at the same time, and how many there were in all, since it was last started.
    pub fn connections(&self) -> (u64, u64) {
        let Ok(counts) = std::fs::read(self.folder().join("connections")) else { return (0, 0) };
        let counts: Value = serde_json::from_slice(&counts).expect("counts are JSON");
        let count = |key: &str| counts[key].as_u64().expect("a count");
        (count("most"), count("all"))
    }

    fn control(&self) -> PathBuf {
        self.folder.join("control.json")
    }

    fn seen(&self) -> PathBuf {
        self.folder.join("control.seen")
    }
}

pub(crate) fn received(file: &Path) -> ReceivedMail {
    let raw = std::fs::read(file).expect("a mail can be read");
    let envelope = std::fs::read(file.with_extension("json")).expect("an envelope can be read");
    let envelope: Value = serde_json::from_slice(&envelope).expect("an envelope is JSON");
    let rcpt = envelope["rcpt"].as_array().expect("recipients").iter();
    ReceivedMail {
        envelope_from: envelope["from"].as_str().unwrap_or_default().to_owned(),
        rcpt: rcpt.map(|one| one.as_str().expect("an address").to_owned()).collect(),
        tls: envelope["tls"].as_bool().expect("yes or no"),
        answered: envelope["answered"].as_bool().expect("yes or no"),
        raw,
    }
}

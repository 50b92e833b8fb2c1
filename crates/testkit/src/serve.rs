//! The real binary, started for a test on free ports with a data folder of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long anything that a test waits for may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running `karibu serve`, or another role of it. It is killed on drop, and with the test's process. It logs at level `debug` unless the settings say
/// otherwise.
///
/// # Panics
/// On drop, when its log holds what a registrant of the test kit typed.
pub struct Served {
    binary: PathBuf,
    role: &'static str,
    settings: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    folder: TempDir,
    child: Option<Child>,
    port: u16,
    ops_port: u16,
}

impl Served {
    /// Starts `binary` with `settings` (names without `KARIBU_`) and waits until the form is served.
    pub async fn start(binary: &str, settings: &[(&str, &str)]) -> Self {
        let mut served = Self::stopped(binary, "serve", settings);
        served.start_again().await;
        served
    }

    /// The same as one role of many: `web` or `notifier`.
    pub async fn start_as(binary: &str, role: &'static str, settings: &[(&str, &str)]) -> Self {
        let mut served = Self::stopped(binary, role, settings);
        served.start_again().await;
        served
    }

    /// One that has its ports and does not run yet.
    pub fn stopped(binary: &str, role: &'static str, settings: &[(&str, &str)]) -> Self {
        crate::install_tls_provider();
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let (port, ops_port) = (free_port(), free_port());
        let binary = PathBuf::from(binary);
        Self { binary, role, settings, environment: Vec::new(), folder, child: None, port, ops_port }
    }

    /// Starts it again on the same ports and data after [`Self::kill`] or [`Self::terminate`], and waits until it is ready.
    pub async fn start_again(&mut self) {
        self.spawn();
        let started = tokio::time::Instant::now();
        while self.ops("/readyz").await.is_none_or(|(status, _)| status != 200) {
            let exited = self.child.as_mut().expect("it was started").try_wait().expect("it can be asked");
            assert!(exited.is_none(), "it ended: {}", self.log());
            assert!(started.elapsed() < PATIENCE, "it is not ready: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts it without waiting for anything.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log =
            std::fs::File::options().create(true).append(true).open(self.log_path()).expect("the log can be made");
        let mut command = Command::new(&self.binary);
        // Whatever settings the tests themselves were started with are not this server's.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KARIBU_")) {
            command.env_remove(name);
        }
        command
            .arg(self.role)
            .current_dir(self.folder.path())
            .env("KARIBU_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("KARIBU_OPS_LISTEN", format!("127.0.0.1:{}", self.ops_port))
            .env("KARIBU_DATA_DIR", self.data())
            // Tests are faster than people, and all come from one address.
            .env("KARIBU_MIN_FILL", "0s")
            .env("KARIBU_RATE_LIMIT", "off")
            .env("KARIBU_LOG", "debug")
            .envs(self.settings.iter().map(|(name, value)| (format!("KARIBU_{name}"), value)))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a handle can be copied"))
            .stderr(log)
            .kill_on_drop(true);
        self.child = Some(command.spawn().expect("the binary starts"));
    }

    /// Waits until it ends by itself and gives its exit code.
    pub async fn ends(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("it runs");
        tokio::time::timeout(PATIENCE, child.wait())
            .await
            .expect("it ends in time")
            .expect("it can be waited for")
            .code()
    }

    /// What the private listener says at a path: status and text; `None` when nobody answers.
    pub async fn ops(&self, path: &str) -> Option<(u16, String)> {
        let answer = reqwest::get(format!("{}{path}", self.ops_url())).await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// Gives it more environment variables, under these very names, from its next start on.
    pub fn set_environment(&mut self, variables: &[(&str, &str)]) {
        self.environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    }

    /// Shows it another time from its next start on, off by this much, such as `+1h`; waiting goes on as it does.
    pub fn set_clock(&mut self, off: &str) {
        // Debian's package `faketime`.
        let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
        let mut files = folders.iter().map(|folder| Path::new(folder).join("faketime/libfaketimeMT.so.1"));
        let library = files.find(|file| file.exists()).expect("libfaketime is installed (ci/setup)");
        self.set_environment(&[
            ("LD_PRELOAD", &library.display().to_string()),
            ("FAKETIME", off),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ]);
    }

    /// Another value of a setting from the next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(other, _)| other != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Kills it with SIGKILL, as a power cut would.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().await.expect("it can be killed");
    }

    /// Asks it to end (SIGTERM) and gives its exit code.
    pub async fn terminate(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("it runs");
        let pid = child.id().expect("it runs").to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill runs");
        assert!(asked.success());
        let ended = tokio::time::timeout(PATIENCE, child.wait()).await.expect("it ends in time");
        ended.expect("it can be waited for").code()
    }

    /// Runs another command of the binary with the same settings and gives (exit code, stdout, stderr).
    pub async fn command(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KARIBU_")) {
            command.env_remove(name);
        }
        let output = command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("KARIBU_DATA_DIR", self.data())
            .env("KARIBU_OPS_LISTEN", format!("127.0.0.1:{}", self.ops_port))
            .envs(self.settings.iter().map(|(name, value)| (format!("KARIBU_{name}"), value)))
            .stdin(Stdio::null())
            .output()
            .await
            .expect("the binary starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    /// The public URL, without a slash at the end.
    pub fn url(&self) -> String {
        let off = self.settings.iter().any(|(name, value)| name == "TLS" && value == "off");
        let scheme = if off { "http" } else { "https" };
        format!("{scheme}://localhost:{}", self.port)
    }

    /// The port of the pages.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The private listener's URL, without a slash at the end.
    pub fn ops_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ops_port)
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        let given = self.settings.iter().find(|(name, _)| name == "DATA_DIR");
        given.map_or_else(|| self.folder.path().join("data"), |(_, folder)| PathBuf::from(folder))
    }

    /// The folder of mails as files.
    pub fn mails(&self) -> PathBuf {
        self.data().join("mail")
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("it runs")
    }

    /// All that it wrote to its standard output and error so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// A client that trusts this server's certificate and follows no redirects.
    pub fn client(&self) -> reqwest::Client {
        self.client_builder().build().expect("a client can be made")
    }

    /// The same, to be set up further.
    pub fn client_builder(&self) -> reqwest::ClientBuilder {
        let mut builder = reqwest::Client::builder();
        if let Ok(certificate) = std::fs::read(self.data().join("tls/cert.pem")) {
            let certificate = reqwest::Certificate::from_pem(&certificate).expect("it is a certificate");
            builder = builder.add_root_certificate(certificate);
        }
        builder.redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE)
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log.txt")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let betrayals = crate::discretion::betrayals(&self.log());
        assert!(betrayals.is_empty() || std::thread::panicking(), "the log tells of people: {betrayals:#?}");
    }
}

/// A port that is free now. It is below those that the system gives to connections going out (on Linux from 32,768), of which
/// one could take it before a server does; tests that run at the same time begin to look at different places.
///
/// # Panics
/// When none of some thousand ports is free.
pub fn free_port() -> u16 {
    const FIRST: u32 = 12_000;
    const MANY: u32 = 20_000;
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let place = std::process::id().wrapping_mul(7_919);
    let ports = (0..MANY).map(|_| {
        let next = place.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed));
        (FIRST + next % MANY) as u16
    });
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut free_ones = ports.filter(free);
    free_ones.next().expect("a port is free")
}

/// Waits until `condition` gives something, looking every 20 ms.
///
/// # Panics
/// When it takes longer than [`PATIENCE`].
pub async fn wait_for<T>(what: &str, condition: impl AsyncFnMut() -> Option<T>) -> T {
    wait_at_most(PATIENCE, what, condition).await
}

/// Like [`wait_for`], with a patience of its own: for what waits for a lease or a second try.
///
/// # Panics
/// When it takes longer.
pub async fn wait_at_most<T>(patience: Duration, what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let started = tokio::time::Instant::now();
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(started.elapsed() < patience, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

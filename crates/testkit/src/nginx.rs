//! A real nginx by the project's configuration (`nginx/`), on free ports in a temporary folder.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::serve::{PATIENCE, free_port, root, wait_for};
use crate::tls::Certificates;

/// An nginx. It ends on drop, and with the test's process.
///
/// # Panics
/// On drop, when its logs hold what a registrant of the test kit typed.
pub struct Nginx {
    folder: TempDir,
    certificates: Certificates,
    settings: Vec<(String, String)>,
    http: u16,
    https: u16,
    status: u16,
    running: Option<Running>,
}

/// Its processes: they are a group of their own, which the keeper kills when the test's process is gone.
struct Running {
    nginx: Child,
    keeper: Child,
}

impl Nginx {
    /// One that is not started yet: its address is known, so that webs can be told it.
    pub fn prepare() -> Self {
        crate::install_tls_provider();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let (http, https, status) = (free_port(), free_port(), free_port());
        let certificates = Certificates::make();
        for name in ["secrets", "acme/webroot"] {
            std::fs::create_dir_all(folder.path().join(name)).expect("a folder can be made");
        }
        let nginx = Self { folder, certificates, settings: Vec::new(), http, https, status, running: None };
        nginx.take_certificate(&nginx.certificates.certificate, &nginx.certificates.key);
        nginx
    }

    /// Another value of a setting (`nginx/README.md`, without `NGINX_`) from the next start on.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it in front of the webs on these ports of this machine.
    #[must_use]
    pub async fn in_front_of(self, webs: &[u16]) -> Self {
        let addresses: Vec<String> = webs.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let mut nginx = self.with("WEB", &addresses.join(" "));
        nginx.start_again().await;
        nginx
    }

    /// Starts it, again after [`Self::stop`] or [`Self::kill`], and waits until it answers.
    pub async fn start_again(&mut self) {
        if let Err(complaint) = self.try_start().await {
            panic!("nginx does not start (ci/setup installs it): {complaint}");
        }
    }

    /// The same; what it says when it does not start.
    pub async fn try_start(&mut self) -> Result<(), String> {
        assert!(self.running.is_none(), "it runs already");
        let open = |name: &str| {
            let file = File::options().create(true).append(true).open(self.folder.path().join(name));
            file.expect("a log can be made")
        };
        let mut command = Command::new(root().join("nginx/start"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NGINX_")) {
            command.env_remove(name);
        }
        let path = |name: &str| self.folder.path().join(name);
        command
            .current_dir(self.folder.path())
            .env("NGINX_PUBLIC_URL", self.url())
            .env("NGINX_HTTP", format!("127.0.0.1:{}", self.http))
            .env("NGINX_HTTPS", format!("127.0.0.1:{}", self.https))
            .env("NGINX_STATUS", format!("127.0.0.1:{}", self.status))
            .env("NGINX_INSIDE", "127.0.0.1")
            .env("NGINX_SECRETS", self.secrets())
            .env("NGINX_ACME", self.acme())
            .env("NGINX_RUN", path("run"))
            .env("NGINX_TEMP", path("temp"))
            .env("NGINX_LOOK", "0.2")
            .envs(self.settings.iter().map(|(name, value)| (format!("NGINX_{name}"), value)))
            .stdin(Stdio::null())
            .stdout(open("access.log"))
            .stderr(open("error.log"))
            .process_group(0);
        if std::fs::metadata("/proc/self").expect("Linux").uid() == 0 {
            // Nobody else may look into the temporary folder.
            command.env("NGINX_USER", "root");
        }
        let nginx = command.spawn().expect("bash is installed");
        let keeper = keeper(nginx.id());
        self.running = Some(Running { nginx, keeper });
        let health = format!("{}/healthz", self.status_url());
        let started = tokio::time::Instant::now();
        loop {
            if reqwest::get(&health).await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            let mut running = self.running.iter_mut();
            let ended = running.any(|running| running.nginx.try_wait().expect("it can be asked").is_some());
            if ended || started.elapsed() > PATIENCE {
                self.kill();
                return Err(self.error_log());
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Makes it read its configuration again, as an operator does.
    pub fn reload(&self) {
        self.signal("HUP");
    }

    /// Asks it to end when the requests under way are finished, and waits for that.
    pub async fn stop(&mut self) {
        self.signal("QUIT");
        let mut running = self.running.take().expect("it runs");
        wait_for("the end of nginx", async || running.nginx.try_wait().expect("it can be asked")).await;
        // What is left of the group are its helpers.
        drop(running);
    }

    /// Kills it with all its processes, as a power cut would.
    pub fn kill(&mut self) {
        self.running = None;
    }

    fn signal(&self, signal: &str) {
        let pid = self.running.as_ref().expect("it runs").nginx.id().to_string();
        let done = Command::new("kill").args(["-s", signal, &pid]).status().expect("kill runs");
        assert!(done.success());
    }

    /// The public URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.https)
    }

    /// The port of the pages.
    pub fn port(&self) -> u16 {
        self.https
    }

    /// Plain HTTP, without a slash at the end.
    pub fn http_url(&self) -> String {
        format!("http://localhost:{}", self.http)
    }

    /// The port of plain HTTP.
    pub fn http_port(&self) -> u16 {
        self.http
    }

    /// The inside listener, without a slash at the end.
    pub fn status_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.status)
    }

    /// The folder with its certificate, the login of the mails and the demo's switch.
    pub fn secrets(&self) -> PathBuf {
        self.folder.path().join("secrets")
    }

    /// The folder that it shares with certbot.
    pub fn acme(&self) -> PathBuf {
        self.folder.path().join("acme")
    }

    /// The folder of bodies and answers on their way.
    pub fn temp(&self) -> PathBuf {
        self.folder.path().join("temp")
    }

    /// Its certificate's authority, and other certificates of the same.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Puts another certificate and its key in place of its own.
    pub fn take_certificate(&self, certificate: &str, key: &str) {
        for (name, pem) in [("fullchain.pem", certificate), ("privkey.pem", key)] {
            write(&self.secrets().join(name), pem);
        }
    }

    /// A client that trusts its certificate and follows no redirects.
    pub fn client(&self) -> reqwest::Client {
        self.client_builder().build().expect("a client can be made")
    }

    /// The same, to be set up further.
    pub fn client_builder(&self) -> reqwest::ClientBuilder {
        let authority = reqwest::Certificate::from_pem(self.certificates.ca.as_bytes()).expect("it is a certificate");
        reqwest::Client::builder()
            .add_root_certificate(authority)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
    }

    /// What it logged of each request.
    pub fn access_log(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
    }

    /// What it complained of.
    pub fn error_log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

/// Kills the processes of a group when the test's process is gone.
fn keeper(group: u32) -> Child {
    Command::new("sh")
        .args(["-c", "read -r _ || kill -s KILL -- \"-$1\"", "sh", &group.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("sh runs")
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill();
        let access = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        let betrayals = crate::discretion::betrayals(&(access + &self.error_log()));
        assert!(betrayals.is_empty() || std::thread::panicking(), "nginx's logs tell of people: {betrayals:#?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The end of its input is what the keeper waits for.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
        let _ = self.nginx.wait();
    }
}

/// In one step, as those who change certificates should.
fn write(path: &Path, text: &str) {
    let new = path.with_extension("new");
    let mut file = File::create(&new).expect("it can be written");
    file.write_all(text.as_bytes()).expect("it can be written");
    std::fs::rename(&new, path).expect("it can be moved");
}

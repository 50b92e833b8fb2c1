//! Throw-away Redis servers: real ones, which are stopped, emptied, filled and paused as tests want.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::serve::{free_port, wait_for};

/// Debian's package redis-tools carries the server under this name too, without a service that starts by itself.
const PROGRAM: &str = "/usr/bin/redis-check-rdb";

/// A server on a free port, with a password, that keeps nothing on disk. It ends on drop.
pub struct Redis {
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    child: Option<Child>,
}

impl Redis {
    /// Its password.
    pub const PASSWORD: &str = "redis-test-password";

    /// Starts one with `options` of redis.conf, each `name value`.
    pub async fn start(options: &[&str]) -> Self {
        let mut redis = Self::stopped(options);
        redis.start_again().await;
        redis
    }

    /// One that has a port and does not run yet.
    pub fn stopped(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Self { folder, port: free_port(), options, child: None }
    }

    /// Starts it again on the same port, empty.
    pub async fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        self.child = Some(self.program("redis-server", &self.configuration(&[])));
        wait_for("Redis", async || (self.ask(&["PING"]).await.as_deref() == Some("PONG")).then_some(())).await;
    }

    /// Starts it again as what follows another one, so that a sentinel can make it master.
    pub async fn start_as_replica_of(&mut self, master: &Self) {
        assert!(self.child.is_none(), "it runs already");
        let (of, auth) = (format!("replicaof 127.0.0.1 {}", master.port), format!("masterauth {}", Self::PASSWORD));
        self.child = Some(self.program("redis-server", &self.configuration(&[&of, &auth])));
        let linked = async || self.ask(&["INFO", "replication"]).await?.contains("master_link_status:up").then_some(());
        wait_for("the replica", linked).await;
    }

    /// A sentinel that watches `master` under the name `main` and may decide alone.
    pub async fn sentinel(master: &Self) -> Self {
        let mut sentinel = Self::stopped(&[]);
        let (port, of, password) = (sentinel.port, master.port, Self::PASSWORD);
        let configuration = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {of} 1\nsentinel auth-pass main {password}\n\
             sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n"
        );
        sentinel.child = Some(sentinel.program("redis-sentinel", &configuration));
        let watches = async || sentinel.ask(&["SENTINEL", "get-master-addr-by-name", "main"]).await;
        wait_for("the sentinel", watches).await;
        sentinel
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}", Self::PASSWORD, self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it.
    pub async fn kill(&mut self) {
        self.child.take().expect("it runs").kill().await.expect("it can be killed");
    }

    /// Lets it go on living without answering anything. [`Self::thaw`] ends it.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it answer again.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// What it answers to a command, if it does.
    pub async fn ask(&self, command: &[&str]) -> Option<String> {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string(), "--no-auth-warning"])
            .args(command)
            .env("REDISCLI_AUTH", Self::PASSWORD)
            .stderr(Stdio::null())
            .output()
            .await
            .expect("redis-cli runs");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().and_then(Child::id).expect("it runs").to_string();
        let done = std::process::Command::new("kill").args(["-s", signal, &pid]).status().expect("kill runs");
        assert!(done.success());
    }

    fn configuration(&self, more: &[&str]) -> String {
        let (port, password) = (self.port, Self::PASSWORD);
        let mut text = format!("port {port}\nbind 127.0.0.1\nsave \"\"\nappendonly no\nrequirepass {password}\n");
        for line in self.options.iter().map(String::as_str).chain(more.iter().copied()) {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// The program does what it is called.
    fn program(&self, name: &str, configuration: &str) -> Child {
        let (program, file) = (self.folder.path().join(name), self.folder.path().join("redis.conf"));
        if !program.exists() {
            symlink(PROGRAM, &program).expect("a link can be made");
        }
        std::fs::write(&file, configuration).expect("the configuration can be written");
        Command::new(program)
            .arg(file)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(self.log())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("Redis starts; ci/setup installs redis-tools")
    }

    fn log(&self) -> Stdio {
        let path: PathBuf = self.folder.path().join("log.txt");
        std::fs::File::options().create(true).append(true).open(path).expect("the log can be made").into()
    }
}

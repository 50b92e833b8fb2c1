//! Throw-away PostgreSQL servers.
//!
//! [`database`] gives an empty database on a server that all test processes of this user share: the first one starts it, a
//! keeper ends it when nobody has used it for a while. [`Postgres::start`] gives a server of one's own, to be stopped and
//! broken. Either way a keeper process outlives whoever started it, so that a panic or a kill leaves nothing behind.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

use crate::serve::free_port;
use crate::tls::Certificates;

/// Names a server that tests use instead of starting one: `postgres://…` of a role that may make databases.
const GIVEN_SERVER: &str = "KARIBU_TEST_POSTGRES";

/// How a server of one's own is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether commits reach the disk. Ordinary tests are faster without.
    pub fsync: bool,
    /// The password that it demands; without one it trusts everybody.
    pub password: Option<&'static str>,
    /// Whether it speaks TLS, by a certificate of [`Postgres::ca_file`].
    pub tls: bool,
}

/// A server of one's own. It ends on drop, and with the test's process.
pub struct Postgres {
    options: Options,
    folder: TempDir,
    port: u16,
    keeper: Child,
}

impl Postgres {
    /// Starts a server on a free port.
    pub async fn start(options: Options) -> Self {
        Self::start_in(&std::env::temp_dir(), options).await
    }

    /// The same with its data in a new folder in `parent`, which PostgreSQL's user must be able to pass through.
    pub async fn start_in(parent: &Path, options: Options) -> Self {
        let parent = parent.to_owned();
        blocking(move || {
            let folder = new_folder(&parent);
            let port = make_and_start(folder.path(), options);
            // Its standard input ends when this process does, however it does.
            let keeper = keeper("cat >/dev/null; stop \"$1\"", &[folder.path()], Stdio::piped());
            Self { options, folder, port, keeper }
        })
        .await
    }

    /// The URL of a database; `postgres` is there from the beginning.
    pub fn url(&self, database: &str) -> String {
        self.url_with(database, self.options.password)
    }

    /// The URL of a database with another password, or none.
    pub fn url_with(&self, database: &str, password: Option<&str>) -> String {
        let password = password.map(|password| format!(":{password}")).unwrap_or_default();
        let sslmode = if self.options.tls { "?sslmode=verify-full" } else { "" };
        format!("postgres://karibu{password}@127.0.0.1:{}/{database}{sslmode}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its data and certificates.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The authority of its certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Runs a statement as the superuser.
    pub async fn run(&self, sql: &str) {
        let url = format!("{}{}", self.url("postgres"), if self.options.tls { "&" } else { "?" });
        let url = format!("{url}sslrootcert={}", self.ca_file().display());
        run(&url, sql).await;
    }

    /// Stops it at once, as a crash would; connections break and new ones are refused.
    pub async fn stop(&mut self) {
        self.control("-m immediate stop").await;
    }

    /// Starts it again on the same port and data.
    pub async fn start_again(&mut self) {
        self.control("start").await;
    }

    /// Lets it go on living without answering anything, as a host does whose network is gone. [`Self::thaw`] ends it.
    pub fn freeze(&self) {
        self.signal_all("STOP");
    }

    /// Lets it answer again.
    pub fn thaw(&self) {
        self.signal_all("CONT");
    }

    fn signal_all(&self, signal: &str) {
        let script = "pid=$(head -n 1 \"$1/data/postmaster.pid\"); kill -s \"$2\" \"$pid\" $(cat \"/proc/$pid/task/$pid/children\")";
        let done = Command::new("sh").args(["-c", script, "sh"]).arg(self.folder.path()).arg(signal).status();
        assert!(done.expect("sh runs").success(), "it runs");
    }

    /// Whether anybody listens at its port.
    pub fn answers(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    async fn control(&self, action: &'static str) {
        let folder = self.folder.path().to_owned();
        blocking(move || pg_ctl(&folder, action)).await;
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// An empty database on the shared server. It goes on drop.
pub struct Database {
    url: String,
    name: String,
    server: &'static str,
}

impl Database {
    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements.
    pub async fn run(&self, sql: &str) {
        run(&self.url, sql).await;
    }

    /// Runs statements and keeps what they took (locks) until the guard goes.
    pub async fn hold(&self, sql: &str) -> Held {
        let mut connection = PgConnection::connect(&self.url).await.expect("the server answers");
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect("it is done");
        Held { _connection: connection }
    }

    /// The number that a query gives.
    pub async fn number(&self, sql: &str) -> i64 {
        let mut connection = PgConnection::connect(&self.url).await.expect("the server answers");
        let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        query.fetch_one(&mut connection).await.expect("it gives a number")
    }
}

/// A connection that holds something.
pub struct Held {
    _connection: PgConnection,
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server, std::mem::take(&mut self.name));
        // A test's own runtime cannot wait here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime can be made");
            runtime.block_on(run(server, &format!("drop database \"{name}\" with (force)")));
        });
        // What cannot be dropped goes with the server.
        let _ = dropping.join();
    }
}

/// An empty database on the server that test processes share (or on the one that `KARIBU_TEST_POSTGRES` names).
pub async fn database() -> Database {
    let server = blocking(|| {
        static SHARED: OnceLock<Shared> = OnceLock::new();
        SHARED.get_or_init(shared_server).url.as_str()
    })
    .await;
    let mut connection = PgConnection::connect(server).await.expect("the shared server answers");
    let name: String = sqlx::query_scalar("select 'test_' || replace(gen_random_uuid()::text, '-', '')")
        .fetch_one(&mut connection)
        .await
        .expect("it answers");
    let create = format!("create database \"{name}\"");
    sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await.expect("a database can be made");
    connection.close().await.expect("it can be closed");
    let mut url = url::Url::parse(server).expect("it is a URL");
    url.set_path(&name);
    Database { url: url.into(), name, server }
}

/// The shared server, while this process uses it.
struct Shared {
    url: String,
    /// Locked in share mode until this process ends, so that the keeper knows.
    _in_use: Option<File>,
}

#[expect(clippy::zombie_processes, reason = "the keeper outlives this process, and is its parent's then")]
fn shared_server() -> Shared {
    if let Ok(url) = std::env::var(GIVEN_SERVER) {
        return Shared { url, _in_use: None };
    }
    let folder = shared_folder();
    let in_use = open(&folder.join("users"));
    in_use.lock_shared().expect("it can be locked");
    let starting = open(&folder.join("starting"));
    starting.lock().expect("it can be locked");
    let url_file = folder.join("url");
    let known = std::fs::read_to_string(&url_file).ok().filter(|url| answers(url));
    let url = known.unwrap_or_else(|| {
        // What a machine left behind that went down, or a server that was killed.
        run_script("for old in \"$1\"/server-*; do stop \"$old\"; done", &[&folder]);
        let server = new_folder(&folder).keep();
        let port = make_and_start(&server, Options::default());
        let url = format!("postgres://karibu@127.0.0.1:{port}/postgres");
        std::fs::write(&url_file, &url).expect("it can be written");
        keeper(KEEP_SHARED, &[&server, &folder, Path::new(&url)], Stdio::null());
        url
    });
    starting.unlock().expect("it can be unlocked");
    Shared { url, _in_use: Some(in_use) }
}

/// Ends the shared server when nobody held the lock in any of twenty looks. While it ends, new users wait at the lock.
const KEEP_SHARED: &str = r#"
looks=0
while [ "$looks" -lt 20 ]; do
  sleep 1
  if flock -n "$2/users" true; then looks=$((looks + 1)); else looks=0; fi
  if [ "$looks" = 20 ]; then
    exec 9>>"$2/users"
    flock -n 9 || looks=0
  fi
done
if [ "$(cat "$2/url")" = "$3" ]; then rm -f "$2/url"; fi
stop "$1"
"#;

/// A folder that only this user writes to. PostgreSQL's user must be able to pass through it.
fn shared_folder() -> PathBuf {
    let user = std::fs::metadata("/proc/self").expect("Linux").uid();
    let folder = std::env::temp_dir().join(format!("karibu-test-postgres-{user}"));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let metadata = std::fs::symlink_metadata(&folder).expect("it is there");
    assert!(metadata.is_dir() && metadata.uid() == user, "{} is somebody else's", folder.display());
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o711)).expect("it is ours");
    folder
}

fn open(path: &Path) -> File {
    File::options().create(true).append(true).open(path).expect("it can be opened")
}

fn answers(url: &str) -> bool {
    let port = url::Url::parse(url).ok().and_then(|url| url.port());
    port.is_some_and(|port| TcpStream::connect(("127.0.0.1", port)).is_ok())
}

/// A folder for a server, which its user can pass through.
fn new_folder(parent: &Path) -> TempDir {
    let folder = tempfile::Builder::new().prefix("server-").tempdir_in(parent).expect("a folder can be made");
    let passable = std::fs::Permissions::from_mode(0o711);
    std::fs::set_permissions(folder.path(), passable).expect("it is ours");
    folder
}

/// Makes a cluster in `folder/data` and starts it. Gives its port.
fn make_and_start(folder: &Path, options: Options) -> u16 {
    let data = folder.join("data");
    std::fs::create_dir(&data).expect("a folder can be made");
    let authentication = match options.password {
        Some(password) => {
            std::fs::write(folder.join("password"), password).expect("it can be written");
            format!("scram-sha-256 --pwfile='{}'", folder.join("password").display())
        }
        None => "trust".to_owned(),
    };
    let certificates = Certificates::make();
    let files =
        [("ca.pem", certificates.ca), ("server.crt", certificates.certificate), ("server.key", certificates.key)];
    for (name, pem) in files {
        std::fs::write(folder.join(name), pem).expect("it can be written");
    }
    let mut settings = vec![
        "listen_addresses = '127.0.0.1'".to_owned(),
        "unix_socket_directories = ''".to_owned(),
        "max_connections = 300".to_owned(),
        "log_min_messages = fatal".to_owned(),
    ];
    if !options.fsync {
        settings.extend(["fsync = off", "full_page_writes = off"].map(str::to_owned));
    }
    if options.tls {
        settings.push("ssl = on".to_owned());
        for (name, file) in [("ssl_cert_file", "server.crt"), ("ssl_key_file", "server.key")] {
            settings.push(format!("{name} = '{}'", folder.join(file).display()));
        }
    }
    // Chosen late and by ourselves; if somebody takes the port first, the next one will do.
    let script = format!(
        "chmod 600 \"$1/server.key\"
         if [ \"$(id -u)\" = 0 ]; then chown postgres \"$1/data\" \"$1/server.key\" \"$1/ca.pem\"; fi
         [ ! -e \"$1/password\" ] || chmod 644 \"$1/password\"
         as_postgres \"$bin/initdb\" -D \"$1/data\" -U karibu -A {authentication} -E UTF8 --locale=C.UTF-8 --no-sync"
    );
    run_script(&script, &[folder]);
    let conf = File::options().append(true).open(data.join("postgresql.conf"));
    let mut conf = conf.expect("initdb made it");
    writeln!(conf, "{}", settings.join("\n")).expect("it can be written");
    for _ in 0..5 {
        let port = free_port();
        writeln!(conf, "port = {port}").expect("it can be written");
        if try_pg_ctl(folder, "start").is_ok() {
            return port;
        }
    }
    panic!("PostgreSQL does not start: {}", std::fs::read_to_string(data.join("log")).unwrap_or_default());
}

fn pg_ctl(folder: &Path, action: &str) {
    try_pg_ctl(folder, action).expect("PostgreSQL does as it is told");
}

fn try_pg_ctl(folder: &Path, action: &str) -> Result<(), String> {
    script(&format!("as_postgres \"$bin/pg_ctl\" -D \"$1/data\" -l \"$1/data/log\" -w {action}"), &[folder])
}

/// Shell functions: PostgreSQL refuses to run as root, and a keeper ends a server whoever it runs as.
const PRELUDE: &str = r#"
bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb)")
as_postgres() {
  if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; else "$@"; fi
}
stop() {
  cd /
  if [ -e "$1/data/postmaster.pid" ]; then
    pid=$(head -n 1 "$1/data/postmaster.pid")
    kill -s CONT "$pid" $(cat "/proc/$pid/task/$pid/children")
    as_postgres "$bin/pg_ctl" -D "$1/data" -m immediate stop
  fi
  rm -rf "$1"
}
"#;

fn run_script(body: &str, arguments: &[&Path]) {
    script(body, arguments).expect("PostgreSQL's server is installed (ci/setup)");
}

fn script(body: &str, arguments: &[&Path]) -> Result<(), String> {
    let output = Command::new("sh")
        .args(["-c", &format!("{PRELUDE}{body}"), "sh"])
        .args(arguments)
        // PostgreSQL's user may not be allowed into the test's folder.
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            let mut text = String::new();
            child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut text)).transpose()?;
            Ok((child.wait()?, text))
        });
    match output.expect("sh runs") {
        (status, _) if status.success() => Ok(()),
        (_, text) => Err(text),
    }
}

/// A process that outlives this one: in a group of its own, with no output that anybody would wait for.
fn keeper(body: &str, arguments: &[&Path], stdin: Stdio) -> Child {
    Command::new("sh")
        .args(["-c", &format!("{PRELUDE}{body}"), "sh"])
        .args(arguments)
        .current_dir("/")
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("sh runs")
}

/// Runs statements on a database.
pub async fn run(url: &str, sql: &str) {
    try_run(url, sql).await.expect("it runs");
}

/// Runs statements on a database that may not be there.
pub async fn try_run(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    connection.close().await
}

/// Runs what waits for processes beside the test's runtime.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("it does not panic")
}

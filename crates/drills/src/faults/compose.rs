//! The cluster of docker-compose.yml, and what can be done to its parts. `COMPOSE_PROJECT_NAME` and the like say which it is.

use std::io::{Error, Result};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

/// How long a part may take to be healthy.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a program and gives what it wrote; an error holds what it complained of.
async fn run(program: &str, words: &[&str], input: Option<&str>) -> Result<String> {
    let mut command = Command::new(program);
    command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().map_err(|error| Error::other(format!("{program}: {error}")))?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(text.as_bytes()).await?;
    }
    let Output { status, stdout, stderr } = child.wait_with_output().await?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).trim().to_owned());
    }
    let complaint = String::from_utf8_lossy(&stderr);
    Err(Error::other(format!("{program} {}: {}", words.join(" "), complaint.trim())))
}

/// A running cluster.
pub(crate) struct Compose {
    project: String,
    /// Tag of its images.
    tag: String,
}

impl Compose {
    /// The one that the environment names.
    pub(crate) fn from_environment() -> Result<Self> {
        let project = std::env::var("COMPOSE_PROJECT_NAME");
        let project = project
            .map_err(|_| Error::other("COMPOSE_PROJECT_NAME is not set: ci/drill starts the cluster and this"))?;
        Ok(Self { project, tag: std::env::var("KARIBU_VERSION").unwrap_or_else(|_| "local".to_owned()) })
    }

    /// The container of a part.
    pub(crate) fn container(&self, part: &str) -> String {
        format!("{}-{part}-1", self.project)
    }

    /// `docker …`.
    async fn docker(&self, words: &[&str]) -> Result<String> {
        run("docker", words, None).await
    }

    /// Runs a command in a part; gives what it says.
    pub(crate) async fn exec(&self, part: &str, command: &[&str], input: Option<&str>) -> Result<String> {
        let container = self.container(part);
        let words: Vec<&str> = ["exec", "-i", &container].into_iter().chain(command.iter().copied()).collect();
        run("docker", &words, input).await
    }

    /// Sends a signal to the first processes of parts, as the kernel would: Docker does not know that it was wanted, and starts
    /// them again by their restart policy.
    pub(crate) async fn signal(&self, parts: &[&str], signal: &str) -> Result<()> {
        let names: Vec<String> = parts.iter().map(|part| self.container(part)).collect();
        let words: Vec<&str> =
            ["inspect", "-f", "{{.State.Pid}}"].into_iter().chain(names.iter().map(String::as_str)).collect();
        let pids = self.docker(&words).await?.replace('\n', " ");
        // The host's processes are another user's, or root's.
        let image = format!("karibu/init:{}", self.tag);
        let kill = format!("kill -s {signal} {pids}");
        let words = [
            "run",
            "--rm",
            "--pid",
            "host",
            "--network",
            "none",
            "--user",
            "0:0",
            "--cap-drop",
            "ALL",
            "--cap-add",
            "KILL",
            "--entrypoint",
            "bash",
            &image,
            "-c",
            &kill,
        ];
        self.docker(&words).await.map(drop)
    }

    /// The same, and waits until parts that this ends have started again and are healthy.
    pub(crate) async fn end(&self, parts: &[&str], signal: &str) -> Result<()> {
        let mut before = Vec::new();
        for part in parts {
            before.push((part, self.started(part).await?));
        }
        self.signal(parts, signal).await?;
        let began = Instant::now();
        for (part, started) in before {
            while self.started(part).await? == started {
                if began.elapsed() > PATIENCE {
                    return Err(Error::other(format!("{part} did not start again")));
                }
                sleep(Duration::from_millis(200)).await;
            }
        }
        self.are_healthy(parts).await
    }

    /// When a part was started last.
    async fn started(&self, part: &str) -> Result<String> {
        self.docker(&["inspect", "-f", "{{.State.StartedAt}}", &self.container(part)]).await
    }

    /// `docker VERB` with the containers of parts: start, stop, restart, pause, unpause.
    pub(crate) async fn tell(&self, verb: &str, parts: &[&str]) -> Result<()> {
        let names: Vec<String> = parts.iter().map(|part| self.container(part)).collect();
        let words: Vec<&str> = std::iter::once(verb).chain(names.iter().map(String::as_str)).collect();
        self.docker(&words).await.map(drop)
    }

    /// Takes a part off the data network, where PostgreSQL and Redis are.
    pub(crate) async fn cut(&self, part: &str) -> Result<()> {
        let network = format!("{}_data", self.project);
        self.docker(&["network", "disconnect", &network, &self.container(part)]).await.map(drop)
    }

    /// Puts it there again.
    pub(crate) async fn join(&self, part: &str) -> Result<()> {
        let network = format!("{}_data", self.project);
        self.docker(&["network", "connect", "--alias", part, &network, &self.container(part)]).await.map(drop)
    }

    /// Waits until parts are healthy by their own health checks.
    pub(crate) async fn are_healthy(&self, parts: &[&str]) -> Result<()> {
        let began = Instant::now();
        for part in parts {
            loop {
                let container = self.container(part);
                let state =
                    self.docker(&["inspect", "-f", "{{.State.Status}} {{.State.Health.Status}}", &container]).await?;
                if state == "running healthy" {
                    break;
                }
                if began.elapsed() > PATIENCE {
                    return Err(Error::other(format!("{part} is {state}, {PATIENCE:?} after its fault")));
                }
                sleep(Duration::from_millis(300)).await;
            }
        }
        Ok(())
    }

    /// Runs SQL as the superuser.
    pub(crate) async fn sql(&self, statements: &str) -> Result<String> {
        let psql = ["env", "PGHOST=/run/postgresql", "psql", "--no-psqlrc", "-qAt", "-U", "postgres", "-d", "karibu"];
        self.exec("postgres", &psql, Some(statements)).await
    }

    /// The words of a `psql` in the database.
    pub(crate) fn psql(&self) -> Vec<String> {
        let container = self.container("postgres");
        ["docker", "exec", "-e", "PGHOST=/run/postgresql", &container, "psql", "-U", "postgres", "-d", "karibu"]
            .map(str::to_owned)
            .to_vec()
    }

    /// What Redis answers.
    pub(crate) async fn redis(&self, command: &str) -> Result<String> {
        let script = r#"REDISCLI_AUTH=$(</run/karibu/password) redis-cli --no-auth-warning "$@""#;
        let words: Vec<&str> = ["bash", "-c", script, "redis"].into_iter().chain(command.split(' ')).collect();
        self.exec("redis", &words, None).await
    }

    /// Takes every connection that the application's role can have, for so many seconds, from a container of its own.
    pub(crate) async fn take_all_connections(&self, seconds: u32) -> Result<()> {
        let (network, secrets) =
            (format!("{}_data", self.project), format!("{}_secrets-web:/run/karibu:ro", self.project));
        let image = format!("karibu/postgres:{}", self.tag);
        // More than there are, each again and again until it gets one.
        let script = format!(
            "url=$(</run/karibu/database_url) end=$((SECONDS + {seconds})); export PGAPPNAME=taker PGSSLROOTCERT=/run/karibu/ca.pem
             take() {{
               while [ $SECONDS -lt $end ]; do psql -qAt \"$url\" -c \"select pg_sleep($((end - SECONDS)))\" >/dev/null 2>&1 || sleep 0.5; done
             }}
             for _ in {{1..85}}; do take & done
             wait"
        );
        let words = [
            "run",
            "--rm",
            "--network",
            &network,
            "-v",
            &secrets,
            "--user",
            "10001:10001",
            "--entrypoint",
            "bash",
            &image,
            "-c",
            &script,
        ];
        self.docker(&words).await.map(drop)
    }
}

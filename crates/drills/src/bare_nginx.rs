//! nginx serving one answer as a static file: the bound for whoever serves the same bytes. And wrk, which asks.

use std::io::{Error, Result};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use testkit::serve::free_port;

use crate::http::{Answer, Client, Trust};
use crate::machine;

/// Connections of the load.
pub(crate) const CONNECTIONS: &str = "32";

/// nginx with one file. It ends on drop.
pub(crate) struct BareNginx {
    master: Child,
    port: u16,
    plain: u16,
    /// Bytes of its answer, head and body.
    pub(crate) size: usize,
}

impl BareNginx {
    /// Serves the answer as a static file with the same headers and the same certificate (chain and key), and sees that it is
    /// the same.
    pub(crate) async fn start(folder: &Path, answer: &Answer, tls: (&Path, &Path), trust: &Trust) -> Result<Self> {
        let (port, plain) = (free_port(), free_port());
        let files = folder.join("files");
        std::fs::create_dir_all(&files)?;
        std::fs::write(files.join("form.html"), "")?;
        std::fs::write(files.join("form.html.gz"), &answer.body)?;
        // nginx says these by itself.
        let own = ["content-type", "content-length", "content-encoding", "date", "server", "connection", "vary"];
        let headers: String = answer
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .filter(|(name, _)| !own.contains(&name.to_lowercase().as_str()))
            .map(|(name, value)| format!("add_header {name} \"{value}\";\n"))
            .collect();
        // Debian's nginx may write to no folder but its own, unless it is told.
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {};\n", folder.join(name).display()))
            .collect();
        let (pid, files) = (folder.join("nginx.pid").display().to_string(), files.display().to_string());
        let (certificate, key) = (tls.0.display(), tls.1.display());
        let user = if std::fs::metadata("/root").is_ok_and(|_| std::fs::read_dir("/root").is_ok()) {
            "user root;"
        } else {
            ""
        };
        let conf = format!(
            "{user} daemon off; worker_processes auto; pid {pid}; error_log stderr warn;
             events {{ worker_connections 1024; }}
             http {{
               access_log off; sendfile on; tcp_nopush on; keepalive_requests 10000000; keepalive_timeout 75s;
               open_file_cache max=100; {temporary}
               types {{ text/html html; }} charset utf-8;
               server {{
                 listen 127.0.0.1:{port} ssl;
                 ssl_certificate {certificate}; ssl_certificate_key {key};
                 ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers off; ssl_session_cache shared:s:10m;
                 root {files}; gzip_static on; gzip_vary on;
                 {headers}
               }}
               server {{
                 listen 127.0.0.1:{plain};
                 root {files}; gzip_static on; gzip_vary on;
                 location / {{ try_files /form.html =404; }}
                 {headers}
               }}
             }}"
        );
        let path = folder.join("nginx.conf");
        std::fs::write(&path, conf)?;
        let master = Command::new("nginx").arg("-c").arg(&path).arg("-p").arg(folder).stdin(Stdio::null()).spawn()?;
        let mut nginx = Self { master, port, plain, size: 0 };
        let mut same = loop {
            if let Ok(client) = Client::connect(port, trust).await {
                break client;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let its = same.get("/form.html", true).await?;
        if its.body != answer.body {
            return Err(Error::other(format!("nginx serves something else: {}", its.head)));
        }
        nginx.size = its.size();
        Ok(nginx)
    }

    /// Where the file is.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}/form.html", self.port)
    }

    /// The port where the file is served without TLS, at every path: for a nginx in front.
    pub(crate) fn plain(&self) -> u16 {
        self.plain
    }

    /// Processor time of its workers so far.
    pub(crate) fn cpu(&self) -> Duration {
        machine::children(self.master.id()).into_iter().map(|worker| machine::cpu(worker).total()).sum()
    }
}

impl Drop for BareNginx {
    fn drop(&mut self) {
        // The master ends its workers.
        let _ = Command::new("kill").arg(self.master.id().to_string()).status();
        let _ = self.master.wait();
    }
}

/// Requests a second by wrk, on kept connections.
pub(crate) fn wrk(url: &str, seconds: u64) -> Result<f64> {
    wrk_saying("Connection: keep-alive", url, seconds)
}

/// Requests a second by wrk, on a new connection for each.
pub(crate) fn wrk_anew(url: &str, seconds: u64) -> Result<f64> {
    wrk_saying("Connection: close", url, seconds)
}

fn wrk_saying(header: &str, url: &str, seconds: u64) -> Result<f64> {
    let output = Command::new("wrk")
        .args([
            "-t2",
            "-c",
            CONNECTIONS,
            "-d",
            &format!("{seconds}s"),
            "-H",
            "Accept-Encoding: gzip",
            "-H",
            header,
            url,
        ])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return Err(Error::other(format!("not every request was answered: {text}")));
    }
    let rate = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok()).ok_or_else(|| Error::other(text.into_owned()))
}

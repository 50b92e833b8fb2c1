//! The form, against nginx serving the same bytes.

use std::io::{Error, Result};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use testkit::serve::free_port;

use super::Run;
use crate::house::{FREE, House};
use crate::http::{Answer, Client};
use crate::machine;
use crate::report::{Section, Want, median, verdict};
use crate::sink::Sink;

/// Connections of the load.
const CONNECTIONS: &str = "32";

/// nginx with one file. It ends on drop.
struct Nginx {
    master: Child,
    port: u16,
}

impl Nginx {
    /// Serves the answer as a static file with the same headers and the same certificate.
    fn start(folder: &Path, answer: &Answer, tls: &Path) -> Result<Self> {
        let port = free_port();
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
        let (certificate, key) =
            (tls.join("cert.pem").display().to_string(), tls.join("key.pem").display().to_string());
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
             }}"
        );
        let path = folder.join("nginx.conf");
        std::fs::write(&path, conf)?;
        let master = Command::new("nginx").arg("-c").arg(&path).arg("-p").arg(folder).stdin(Stdio::null()).spawn()?;
        Ok(Self { master, port })
    }

    fn cpu(&self) -> Duration {
        machine::children(self.master.id()).into_iter().map(|worker| machine::cpu(worker).total()).sum()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers.
        let _ = Command::new("kill").arg(self.master.id().to_string()).status();
        let _ = self.master.wait();
    }
}

/// Requests a second by wrk.
fn wrk(url: &str, seconds: u64) -> Result<f64> {
    let output = Command::new("wrk")
        .args(["-t2", "-c", CONNECTIONS, "-d", &format!("{seconds}s"), "-H", "Accept-Encoding: gzip", url])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return Err(Error::other(format!("not every request was answered: {text}")));
    }
    let rate = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok()).ok_or_else(|| Error::other(text.into_owned()))
}

/// Measures, in turns.
pub(crate) async fn run(run: &Run) -> Result<Section> {
    let sink = Sink::start().await?;
    let house = House::start(&run.binary, None, &sink.url()).await?;
    let path = format!("/{FREE}/register?lang=en");
    let mut client = Client::connect(house.port, &house.trust).await?;
    let answer = client.get(&path, true).await?;
    let folder = tempfile::tempdir()?;
    let nginx = Nginx::start(folder.path(), &answer, &house.served.data().join("tls"))?;
    let nginx_url = format!("https://127.0.0.1:{}/form.html", nginx.port);
    let mut same = loop {
        if let Ok(client) = Client::connect(nginx.port, &house.trust).await {
            break client;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let of_nginx = same.get("/form.html", true).await?;
    if of_nginx.body != answer.body {
        return Err(Error::other(format!("nginx serves something else: {}", of_nginx.head)));
    }
    let url = format!("https://127.0.0.1:{}{path}", house.port);
    let (rounds, seconds) = (run.scale(5, 2), run.scale(4, 2));
    let (mut ours, mut theirs, mut ratios, mut our_cpu, mut their_cpu) = (vec![], vec![], vec![], vec![], vec![]);
    let per = |cpu: Duration, rate: f64| cpu.as_secs_f64() * 1e6 / (rate * seconds as f64);
    wrk(&url, 1)?;
    wrk(&nginx_url, 1)?;
    for _ in 0..rounds {
        let before = nginx.cpu();
        let nginx_rate = wrk(&nginx_url, seconds)?;
        their_cpu.push(per(nginx.cpu().saturating_sub(before), nginx_rate));
        let before = house.cpu();
        let mut profile = run.profile("form", house.served.pid(), Duration::from_secs(seconds))?;
        let rate = wrk(&url, seconds)?;
        if let Some(profile) = &mut profile {
            profile.wait()?;
        }
        our_cpu.push(per(house.cpu().saturating_sub(before), rate));
        ratios.push(rate / nginx_rate);
        ours.push(rate);
        theirs.push(nginx_rate);
    }
    let ratio = median(ratios);
    let mut section =
        Section::new("form", &["form GET, gzip, TLS, keep-alive", "per second", "CPU each", "against nginx", "target"]);
    section.row([
        "Karibu".to_owned(),
        format!("{:.0}", median(ours)),
        format!("{:.0} µs", median(our_cpu)),
        format!("{ratio:.2}"),
        verdict(ratio, Want::AtLeast, 0.6, Some(0.9)),
    ]);
    section.row([
        "nginx, the same bytes as a static file".to_owned(),
        format!("{:.0}", median(theirs)),
        format!("{:.0} µs", median(their_cpu)),
        "1".to_owned(),
        String::new(),
    ]);
    section.note(format!(
        "{} bytes with head (nginx {}), {CONNECTIONS} connections, medians of {rounds} rounds of {seconds} s in turns by wrk on \
         the same processors.",
        answer.size(),
        of_nginx.size()
    ));
    Ok(section)
}

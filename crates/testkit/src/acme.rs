//! A throw-away ACME authority (RFC 8555): pebble, which really asks for the proofs, with a name server that knows every name as
//! this machine.

use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::serve::{free_port, wait_for};
use crate::tls::Certificates;

/// A running authority. It ends on drop.
pub struct Acme {
    folder: TempDir,
    port: u16,
    _processes: [Child; 2],
}

impl Acme {
    /// Starts one that asks for proofs on this port instead of port 80.
    pub async fn start(http: u16) -> Self {
        crate::install_tls_provider();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let certificates = Certificates::make();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("it can be written");
            path
        };
        let [port, management, names, unused] = [free_port(), free_port(), free_port(), free_port()];
        let configuration = serde_json::json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": file("cert.pem", &certificates.certificate),
            "privateKey": file("key.pem", &certificates.key),
            "httpPort": http,
            "tlsPort": unused,
        }});
        let configuration = file("pebble.json", &configuration.to_string());
        file("ca.pem", &certificates.ca);
        let listen = |port: u16| format!("127.0.0.1:{port}");
        let name_server = spawn(Command::new("pebble-challtestsrv").args([
            "-dns01",
            &listen(names),
            "-management",
            &listen(unused),
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
            "-defaultIPv6",
            "",
        ]));
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(configuration).args(["-dnsserver", &listen(names)]).env("PEBBLE_VA_NOSLEEP", "1");
        let acme = Self { folder, port, _processes: [name_server, spawn(&mut pebble)] };
        let authority = reqwest::Certificate::from_pem(certificates.ca.as_bytes()).expect("it is a certificate");
        let client = reqwest::Client::builder().add_root_certificate(authority).build().expect("a client can be made");
        wait_for("pebble", async || client.get(acme.url()).send().await.is_ok().then_some(())).await;
        acme
    }

    /// Where clients begin.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// Whom clients must trust to speak with it.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().expect("pebble is installed (ci/setup)")
}

//! A certificate by ACME: certbot asks, nginx serves the proofs, and takes up what comes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use testkit::acme::Acme;
use testkit::nginx::Nginx;
use testkit::serve::{free_port, root, wait_for};
use tokio::process::Command;
use tokio::time::sleep;

use super::certificates::{is, shown};

/// What the container of certbot runs, once. Gives its exit code and what it said.
async fn renew(acme: &Acme, nginx: &Nginx, state: &Path, public_url: &str) -> (Option<i32>, String) {
    let output = Command::new(root().join("deploy/images/certbot/renew"))
        .env("KARIBU_PUBLIC_URL", public_url)
        .env("KARIBU_ONCALL", "oncall@example.org, second@example.org")
        .env("CERTBOT_SERVER", acme.url())
        .env("CERTBOT_ONCE", "yes")
        .env("CERTBOT_STATE", state)
        .env("CERTBOT_ACME", nginx.acme())
        .env("TMPDIR", state)
        .env("REQUESTS_CA_BUNDLE", acme.ca_file())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// The first certificate of the chain that certbot put down.
fn got(nginx: &Nginx) -> String {
    let chain = std::fs::read_to_string(nginx.acme().join("fullchain.pem")).unwrap();
    let end = "-----END CERTIFICATE-----";
    format!("{}{end}", chain.split(end).next().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_come_by_acme_and_are_taken_up_without_a_dropped_request() {
    let public_url = "https://register.example.org";
    let nginx = Nginx::prepare().with("CERTIFICATE", "acme").with("PUBLIC_URL", public_url);
    let nginx = nginx.in_front_of(&[free_port()]).await;
    let acme = Acme::start(nginx.http_port()).await;
    let state = tempfile::tempdir().unwrap();
    assert!(is(&shown(&nginx), &nginx.certificates().certificate), "its own until there is one");

    let client = nginx.client_builder().danger_accept_invalid_certs(true).http1_only().pool_max_idle_per_host(0);
    let (client, url) = (client.build().unwrap(), nginx.url());
    let requests = tokio::spawn(async move {
        let mut statuses = BTreeMap::new();
        loop {
            let status = client.get(&url).send().await.map_or(0, |answer| answer.status().as_u16());
            *statuses.entry(status).or_insert(0) += 1;
            // Until the test is done with it.
            if statuses.len() > 1 {
                return statuses;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });

    let (code, said) = renew(&acme, &nginx, &state.path().join("first"), public_url).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("a new certificate for register.example.org is there"), "{said}");
    let first = got(&nginx);
    wait_for("the authority's certificate", async || is(&shown(&nginx), &first).then_some(())).await;

    // It is not due again.
    let (code, said) = renew(&acme, &nginx, &state.path().join("first"), public_url).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("a new certificate") && is(&got(&nginx), &first), "{said}");

    // As when it is due: one more.
    let (code, said) = renew(&acme, &nginx, &state.path().join("second"), public_url).await;
    assert_eq!(code, Some(0), "{said}");
    let second = got(&nginx);
    assert!(!is(&first, &second));
    wait_for("the renewed certificate", async || is(&shown(&nginx), &second).then_some(())).await;
    assert!(!requests.is_finished(), "requests were dropped: {:?}", requests.await);
    requests.abort();

    let (code, said) = renew(&acme, &nginx, state.path(), "https://localhost").await;
    assert_eq!(code, Some(1));
    assert!(said.contains("set it to https:// and the public name"), "{said}");
}

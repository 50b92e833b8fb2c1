//! Certificates: those of nginx, which change while it runs, and those of webs on other machines.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use reqwest::StatusCode;
use testkit::nginx::Nginx;
use testkit::registrant::Filled;
use testkit::serve::wait_for;
use testkit::tls::Certificates;
use tokio::time::sleep;

use crate::front::Front;

/// The certificate that nginx shows now, in PEM.
pub(super) fn shown(nginx: &Nginx) -> String {
    let address = format!("127.0.0.1:{}", nginx.port());
    let output = Command::new("openssl").args(["s_client", "-connect", &address, "-servername", "localhost"]).output();
    let text = String::from_utf8_lossy(&output.unwrap().stdout).into_owned();
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let inner = text.split(begin).nth(1).and_then(|rest| rest.split(end).next());
    format!("{begin}{}{end}", inner.unwrap_or_else(|| panic!("no certificate: {text}")))
}

pub(super) fn is(shown: &str, certificate: &str) -> bool {
    shown.replace(['\r', '\n'], "") == certificate.replace(['\r', '\n'], "")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_taken_up_while_requests_go_on_and_a_wrong_one_is_not() {
    let front = Front::open().await;
    let nginx = &front.nginx;
    let trusting = nginx.client_builder().danger_accept_invalid_certs(true).http1_only().pool_max_idle_per_host(0);
    let trusting = trusting.build().unwrap();
    let url = format!("{}/connect/register", nginx.url());
    let requests = tokio::spawn(async move {
        let mut statuses = BTreeMap::new();
        loop {
            let status = trusting.get(&url).send().await.map_or(0, |answer| answer.status().as_u16());
            *statuses.entry(status).or_insert(0) += 1;
            if statuses.values().sum::<i32>() >= 300 {
                return statuses;
            }
            sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(is(&shown(nginx), &nginx.certificates().certificate));
    let renewed = Certificates::make();
    nginx.take_certificate(&renewed.certificate, &renewed.key);
    wait_for("the new certificate", async || is(&shown(nginx), &renewed.certificate).then_some(())).await;
    // A key that is not the certificate's: told once, and the old pair stays.
    nginx.take_certificate(&nginx.certificates().certificate, &renewed.key);
    wait_for("the refusal", async || nginx.error_log().contains("not taken").then_some(())).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(nginx.error_log().matches("not taken").count(), 1, "{}", nginx.error_log());
    assert!(is(&shown(nginx), &renewed.certificate));
    nginx.take_certificate(&nginx.certificates().certificate, &nginx.certificates().key);
    wait_for("the right pair", async || is(&shown(nginx), &nginx.certificates().certificate).then_some(())).await;
    let statuses = requests.await.unwrap();
    assert_eq!(statuses.keys().collect::<Vec<_>>(), [&200], "{statuses:?}");
}

#[tokio::test]
async fn without_a_usable_certificate_it_does_not_start_and_says_why() {
    for (certificate, key, why) in [("", "", "not taken"), ("no certificate", "no key", "not taken")] {
        let mut nginx = Nginx::prepare();
        nginx.take_certificate(certificate, key);
        let complaint = nginx.try_start().await.unwrap_err();
        assert!(complaint.contains(why), "{complaint}");
    }
    let mut nginx = Nginx::prepare();
    std::fs::remove_file(nginx.secrets().join("privkey.pem")).unwrap();
    assert!(nginx.try_start().await.unwrap_err().contains("privkey.pem cannot be read"));
    let mut nginx = Nginx::prepare().with("PUBLIC_URL", "http://register.example.org/path");
    assert!(nginx.try_start().await.unwrap_err().contains("NGINX_PUBLIC_URL must be https://NAME"));
}

/// As between machines: webs speak TLS by certificates of our own authority.
#[tokio::test(flavor = "multi_thread")]
async fn between_machines_nginx_speaks_tls_with_webs_and_only_with_ours() {
    let (ours, others) = (Certificates::make(), Certificates::make());
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.display().to_string()
    };
    let ca = file("ca.pem", &ours.ca);
    let cases = [
        ("ours", (&ours.certificate, &ours.key), StatusCode::OK),
        ("another-authority", (&others.certificate, &others.key), StatusCode::SERVICE_UNAVAILABLE),
        ("another-name", (&ours.elsewhere.0, &ours.elsewhere.1), StatusCode::SERVICE_UNAVAILABLE),
        ("expired", (&ours.expired.0, &ours.expired.1), StatusCode::SERVICE_UNAVAILABLE),
    ];
    for (name, (certificate, key), status) in cases {
        let tls = format!("{},{}", file(&format!("{name}.pem"), certificate), file(&format!("{name}.key"), key));
        let nginx = Nginx::prepare().with("WEB_CA", &ca).with("WEB_NAME", "localhost");
        let front = Front::with(nginx, 1, &[("TLS", &tls)]).await;
        assert_eq!(front.person().get("/connect/").await.status(), status, "{name}");
        if status.is_success() {
            front.person().register(&Filled::sample("Kimani"), None).await;
            assert_eq!(front.registrations().await, 1);
        } else {
            let told = async || front.nginx.error_log().contains("upstream SSL certificate").then_some(());
            wait_for("its complaint", told).await;
        }
    }
}

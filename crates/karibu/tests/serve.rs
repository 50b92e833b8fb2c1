//! `karibu serve` and the commands beside it, as somebody at a terminal meets them.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, its helpers too")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reqwest::StatusCode;
use serde_json::Value;
use testkit::registrant::{Attached, Filled, Registrant};
use testkit::serve::{Served, root, wait_for};

const KARIBU: &str = env!("CARGO_BIN_EXE_karibu");

async fn get(served: &Served, path: &str) -> (StatusCode, String) {
    let answer = served.client().get(format!("{}{path}", served.url())).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

async fn ops(served: &Served, path: &str) -> (StatusCode, String) {
    let answer = reqwest::get(format!("{}{path}", served.ops_url())).await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

/// Runs a command that must succeed and gives what it printed.
async fn told(served: &Served, arguments: &[&str]) -> String {
    let (code, out, complaint) = served.command(arguments).await;
    assert_eq!((code, complaint.as_str()), (0, ""), "{arguments:?}");
    out
}

async fn json(served: &Served, arguments: &[&str]) -> Value {
    serde_json::from_str(&told(served, arguments).await).unwrap()
}

fn sample() -> String {
    std::fs::read_to_string(root().join("events/connect.toml")).unwrap()
}

/// The sample under another name, imported.
async fn import(served: &Served, slug: &str, name: &str) {
    let slug = format!("slug = \"{slug}\"");
    let sample = sample();
    let lines = sample.lines().map(|line| if line.starts_with("slug") { slug.as_str() } else { line });
    let renamed = lines.collect::<Vec<_>>().join("\n");
    let file = served.data().join("..").join(name);
    std::fs::write(&file, renamed).unwrap();
    told(served, &["event", "import", file.to_str().unwrap()]).await;
}

#[tokio::test]
async fn the_form_is_served_by_a_certificate_of_its_own() {
    let served = Served::start(KARIBU, &[]).await;
    let (status, page) = get(&served, "/connect/register").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("submission_id"), "{page}");
    let log = served.log();
    assert!(log.contains(&format!("Form    {}/", served.url())), "{log}");
    assert!(log.contains(&format!("{}/mail/", served.url())) && log.contains("warns once"), "{log}");
    assert_eq!(get(&served, "/mail/").await.0, StatusCode::OK);
    let (status, version) = get(&served, "/version").await;
    assert_eq!(status, StatusCode::OK);
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
}

#[tokio::test]
async fn nobody_else_on_the_machine_can_read_the_data() {
    fn look(path: &Path) {
        let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let private = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, private, "{} is {mode:o}", path.display());
        if path.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                look(&entry.unwrap().path());
            }
        }
    }
    let served = Served::start(KARIBU, &[]).await;
    assert!(served.data().join("karibu.db").exists());
    assert!(served.data().join("secret.key").exists());
    look(&served.data());
}

#[tokio::test]
async fn plain_http_on_the_port_leads_to_https() {
    let served = Served::start(KARIBU, &[]).await;
    let plain = served.url().replace("https://localhost", "http://127.0.0.1");
    let answer = served.client().get(plain).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(answer.headers()["location"].to_str().unwrap(), format!("{}/", served.url()));
}

#[tokio::test]
async fn without_tls_it_serves_on_loopback() {
    let served = Served::start(KARIBU, &[("TLS", "off")]).await;
    let plain = served.url().replace("https://", "http://");
    let answer = reqwest::get(format!("{plain}/connect/register")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(served.log().contains(&format!("Form    {plain}/")), "{}", served.log());
}

#[tokio::test]
async fn a_certificate_of_files_is_served() {
    let first = Served::start(KARIBU, &[]).await;
    let tls = first.data().join("tls");
    let files = format!("{},{}", tls.join("cert.pem").display(), tls.join("key.pem").display());
    let second = Served::start(KARIBU, &[("TLS", &files)]).await;
    assert!(!second.data().join("tls").exists());
    let answer = first.client().get(format!("{}/connect/register", second.url())).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_signal_ends_it_in_order_and_everything_is_there_after_it() {
    let mut served = Served::start(KARIBU, &[]).await;
    import(&served, "kept", "kept.toml").await;
    let certificate = std::fs::read(served.data().join("tls/cert.pem")).unwrap();
    wait_for("the event", async || (get(&served, "/kept/register").await.0 == StatusCode::OK).then_some(())).await;
    let opened = |stats: &Value| stats[0]["opened"].as_u64().unwrap();
    let before = opened(&json(&served, &["event", "stats", "kept", "--json"]).await);
    for _ in 0..7 {
        get(&served, "/kept/register").await;
    }
    // Page views of the last second are written on the way out.
    assert_eq!(served.terminate().await, Some(0), "{}", served.log());
    let after = opened(&json(&served, &["event", "stats", "kept", "--json"]).await);
    assert!(after - before >= 7 && after - before <= 8, "{before} before, {after} after");
    served.start_again().await;
    assert_eq!(get(&served, "/kept/register").await.0, StatusCode::OK);
    assert_eq!(std::fs::read(served.data().join("tls/cert.pem")).unwrap(), certificate);
}

#[tokio::test]
async fn it_starts_again_after_it_was_killed() {
    let mut served = Served::start(KARIBU, &[]).await;
    import(&served, "kept", "kept.toml").await;
    for _ in 0..3 {
        served.kill().await;
        served.start_again().await;
        assert_eq!(get(&served, "/kept/register").await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn an_imported_event_is_shown_and_exported_as_it_was_written() {
    let served = Served::start(KARIBU, &[]).await;
    assert_eq!(told(&served, &["event", "export", "connect"]).await, sample());
    assert_eq!(get(&served, "/workshop/").await.0, StatusCode::NOT_FOUND);
    import(&served, "workshop", "workshop.toml").await;
    wait_for("the event", async || (get(&served, "/workshop/").await.0 == StatusCode::OK).then_some(())).await;
    let file = std::fs::read_to_string(served.data().join("../workshop.toml")).unwrap();
    assert_eq!(told(&served, &["event", "export", "workshop"]).await, file);
    let list = json(&served, &["event", "list", "--json"]).await;
    let slugs: Vec<_> = list.as_array().unwrap().iter().map(|event| event["slug"].as_str().unwrap()).collect();
    assert_eq!(slugs, ["connect", "workshop"]);
    assert_eq!((&list[0]["phase"], &list[0]["sample"]), (&"open".into(), &true.into()));
    assert_eq!(list[1]["sample"], false);
    let table = told(&served, &["event", "list"]).await;
    assert!(table.starts_with("SLUG") && table.lines().count() == 3, "{table}");
    let stats = told(&served, &["event", "stats", "workshop"]).await;
    assert!(stats.contains("viewed") && stats.contains("→ opened 0 → submitted 0"), "{stats}");
}

/// Imports a text and gives what was said.
async fn imported(served: &Served, text: &str, more: &[&str]) -> String {
    let file = served.data().join("../changing.toml");
    std::fs::write(&file, text).unwrap();
    told(served, &[&["event", "import", file.to_str().unwrap()], more].concat()).await
}

#[tokio::test]
async fn an_import_says_what_it_changed_and_what_does_not_fit_any_more() {
    let served = Served::start(KARIBU, &[]).await;
    for name in ["One", "Two"] {
        Registrant::new(served.client(), &served.url(), "connect").register(&Filled::sample(name), None).await;
    }
    // The server imported the sample a moment ago, so that its days are the same now.
    let said = imported(&served, &sample(), &[]).await;
    let expected = "connect is up to date: nothing changed (form version 1).\nIt takes the place of the sample event";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(imported(&served, &sample(), &[]).await, "connect is up to date: nothing changed (form version 1).\n");
    let smaller = sample().replacen("capacity = 300", "capacity = 1", 1);
    let said = imported(&served, &smaller, &[]).await;
    let expected = "connect is imported; its form is as before; changed: `capacity` (form version 1).\n\
                    `capacity` is now 1, but 2 are taken: nobody loses a place, and none is given while 1 or more are taken.\n";
    assert_eq!(said, expected);
    let row: Value = serde_json::from_str(&imported(&served, &sample(), &["--json"]).await).unwrap();
    assert_eq!((&row[0]["changed"], &row[0]["exceeded"]), (&serde_json::json!(["capacity"]), &serde_json::json!([])));
    let limited = sample().replacen("value = \"delegate\"", "value = \"delegate\"\nplaces = 1", 1);
    let said = imported(&served, &limited, &[]).await;
    assert!(said.starts_with("connect has a new form; also changed: `categories` (form version 2).\n"), "{said}");
    assert!(said.contains("`places` of `delegate` (field `category`) is now 1, but 2 are taken: "), "{said}");
    let row: Value = serde_json::from_str(&imported(&served, &limited, &["--json"]).await).unwrap();
    let places = serde_json::json!([{ "key": "category=delegate", "taken": 2, "limit": 1 }]);
    assert_eq!((&row[0]["changed"], &row[0]["exceeded"]), (&serde_json::json!([]), &places));
}

#[tokio::test]
async fn statistics_say_where_second_registrations_of_an_address_are() {
    let served = Served::start(KARIBU, &[]).await;
    let stats = ["event", "stats", "connect"];
    assert!(!told(&served, &stats).await.contains("rejected"));
    imported(&served, &sample().replacen("capacity = 300", "capacity = 300\none_per_address = true", 1), &[]).await;
    let said = told(&served, &stats).await;
    assert!(said.contains("`karibu registrations list connect --status rejected`"), "{said}");
}

#[tokio::test]
async fn a_mistake_in_an_event_file_is_told_with_its_line_and_changes_nothing() {
    let served = Served::start(KARIBU, &[]).await;
    let file = served.data().join("../wrong.toml");
    std::fs::write(&file, sample().replacen("slug =", "slgu =", 1)).unwrap();
    let (code, out, complaint) = served.command(&["event", "import", file.to_str().unwrap()]).await;
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(complaint.contains("wrong.toml, line ") && complaint.lines().count() == 1, "{complaint}");
    assert_eq!(json(&served, &["event", "list", "--json"]).await.as_array().unwrap().len(), 1);
    let (code, _, complaint) = served.command(&["event", "stats", "conect"]).await;
    assert_eq!(code, 1);
    assert!(complaint.contains("did you mean `connect`?"), "{complaint}");
}

#[tokio::test]
async fn a_wrong_year_does_not_delete_what_is_kept_of_registrants() {
    let served = Served::start(KARIBU, &[]).await;
    let person = Registrant::new(served.client(), &served.url(), "connect");
    person.register(&Filled::sample("Mwangi"), Some(&Attached::pdf("passport.pdf", "scan"))).await;
    let past = sample()
        .replace("\nstarts = \"+60d\"", "\nstarts = \"-700d\"")
        .replace("\nends = \"+62d\"", "\nends = \"-698d\"")
        .replace("\nopens = \"-7d\"", "\nopens = \"-800d\"")
        .replace("\ncloses = \"+45d 17:00\"", "\ncloses = \"-710d\"");
    let file = served.data().join("../past.toml");
    std::fs::write(&file, past).unwrap();
    let import = ["event", "import", file.to_str().unwrap()];
    let (code, _, complaint) = served.command(&import).await;
    assert_eq!(code, 1);
    assert!(
        complaint.contains("the answers of 1 registrations and 1 attachments") && complaint.contains("--yes"),
        "{complaint}"
    );
    assert!(told(&served, &["event", "export", "connect"]).await.contains("+60d"), "nothing was imported");
    told(&served, &[&import[..], &["--yes"]].concat()).await;
    // It is over by now, so nothing more is lost by another import.
    told(&served, &import).await;
}

#[tokio::test]
async fn an_own_event_with_the_samples_name_is_never_overwritten() {
    let mut served = Served::start(KARIBU, &[]).await;
    let own = sample().replace("UbuntuNet-Connect", "Our own meeting");
    let file = served.data().join("../own.toml");
    std::fs::write(&file, &own).unwrap();
    told(&served, &["event", "import", file.to_str().unwrap()]).await;
    served.terminate().await;
    served.start_again().await;
    assert_eq!(told(&served, &["event", "export", "connect"]).await, own);
}

#[tokio::test]
async fn notifications_are_listed_and_sent_again() {
    let served = Served::start(KARIBU, &[]).await;
    assert_eq!(json(&served, &["notifications", "list", "--json"]).await, Value::Array(Vec::new()));
    let resent = json(&served, &["notifications", "resend", "--parked", "--json"]).await;
    assert_eq!(resent[0]["resent"], 0);
    let unknown = "019a0000-0000-7000-8000-000000000000";
    let (code, _, complaint) = served.command(&["notifications", "resend", unknown]).await;
    assert_eq!(code, 1);
    assert!(complaint.contains(unknown), "{complaint}");
}

#[tokio::test]
async fn readiness_and_gauges_follow_the_database() {
    let served = Served::start(KARIBU, &[]).await;
    let has_gauges = async || ops(&served, "/metrics").await.1.contains("karibu_event_open{event=\"connect\"} 1");
    wait_for("the gauges", async || has_gauges().await.then_some(())).await;
    let database = served.data().join("karibu.db");
    let away = served.data().join("karibu.db.away");
    std::fs::rename(&database, &away).unwrap();
    wait_for("not ready", async || {
        let (status, body) = ops(&served, "/readyz").await;
        (status == StatusCode::SERVICE_UNAVAILABLE && body.contains("\"degraded\"")).then_some(())
    })
    .await;
    assert_eq!(ops(&served, "/healthz").await.0, StatusCode::OK);
    assert_eq!(get(&served, "/connect/register").await.0, StatusCode::OK, "the form is still shown");
    std::fs::rename(&away, &database).unwrap();
    wait_for("ready again", async || (ops(&served, "/readyz").await.0 == StatusCode::OK).then_some(())).await;
    let metrics = ops(&served, "/metrics").await.1;
    assert!(metrics.contains("karibu_build_info{") && metrics.contains("karibu_http_requests_total{"), "{metrics}");
    assert!(metrics.contains("route=\"/{event}/register\""), "{metrics}");
}

#[tokio::test]
async fn a_setting_may_stand_in_the_file() {
    let served = Served::start(KARIBU, &[]).await;
    let folder = served.data().join("..");
    std::fs::write(folder.join("karibu.toml"), "instance = \"from-the-file\"\nlog_format = \"json\"\n").unwrap();
    let mut served = served;
    served.terminate().await;
    served.start_again().await;
    let log = served.log();
    let line = log.lines().rev().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no JSON in {log}"));
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["instance"], "from-the-file");
}

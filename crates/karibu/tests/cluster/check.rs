//! `karibu check` of a cluster: all is well, and then one thing after the other is not.

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::nginx::Nginx;
use testkit::redis::Redis;
use testkit::serve::{Served, wait_for};
use testkit::smtp::Mode;

use crate::house::{BINARY, Cluster};

const ONCALL: &str = "oncall@example.org";

/// A cluster behind nginx, and what `karibu check` is told of it.
struct House {
    cluster: Cluster,
    nginx: Nginx,
    operator: Served,
}

/// What a check said.
#[derive(Debug)]
struct Checked {
    code: i32,
    all: BTreeMap<String, Value>,
    complaint: String,
}

impl Checked {
    fn state(&self, name: &str) -> &str {
        self.all.get(name).unwrap_or_else(|| panic!("no {name}: {self:#?}"))["state"].as_str().unwrap()
    }

    fn found(&self, name: &str) -> &str {
        self.all.get(name).unwrap_or_else(|| panic!("no {name}: {self:#?}"))["found"].as_str().unwrap()
    }

    /// Wants a state, and a text in what was found or in what to do about it.
    fn wants(&self, name: &str, state: &str, told: &str) {
        let todo = self.all.get(name).and_then(|finding| finding["todo"].as_str()).unwrap_or_default();
        let text = format!("{} → {todo}", self.found(name));
        assert_eq!(self.state(name), state, "{name}: {text}");
        assert!(text.contains(told), "{name}: {text}");
        if state == "fail" {
            assert!(self.code == 1 && self.complaint.contains(name), "{self:#?}");
            assert!(!todo.is_empty(), "{name} says what to do");
        }
    }

    /// The names of what is not well, apart from what the tests' database is told of.
    fn not_well(&self) -> Vec<&str> {
        let bad = |finding: &&Value| ["warn", "fail"].contains(&finding["state"].as_str().unwrap());
        let names = self.all.iter().filter(|(_, finding)| bad(finding)).map(|(name, _)| name.as_str());
        names.filter(|name| !["database", "backup"].contains(name)).collect()
    }
}

impl House {
    async fn open() -> Self {
        let cluster = Cluster::start(2, 2).await;
        let ports: Vec<u16> = cluster.webs.iter().map(Served::port).collect();
        let nginx = Nginx::prepare().in_front_of(&ports).await;
        let webs = cluster.webs.iter().zip(1..).map(|(web, n)| format!("web-{n}={}", web.ops_url()));
        let notifiers = cluster.notifiers.iter().zip(1..).map(|(one, n)| format!("notifier-{n}={}", one.ops_url()));
        let listeners: Vec<String> = webs.chain(notifiers).collect();
        let mut operator = Served::stopped(BINARY, "check", &[]);
        for (name, value) in cluster.settings() {
            operator.set(name, &value);
        }
        // One file for whoever signed the relay's and nginx's certificate.
        std::fs::create_dir_all(operator.data()).unwrap();
        let ca = operator.data().join("ca.pem");
        let relays = std::fs::read_to_string(cluster.relay.ca_file()).unwrap();
        std::fs::write(&ca, relays + &nginx.certificates().ca).unwrap();
        for (name, value) in [
            ("CA_FILE", ca.display().to_string()),
            ("PARTS", listeners.join(",")),
            ("CHECK_ADDRESS", format!("127.0.0.1:{},127.0.0.1:{}", nginx.port(), nginx.http_port())),
            ("ONCALL", ONCALL.to_owned()),
            ("MIN_FILL", "0s".to_owned()),
            // Nobody asks the world for records about it.
            ("MAIL_FROM", "register@localhost".to_owned()),
            ("INSTANCE", "check".to_owned()),
        ] {
            operator.set(name, &value);
        }
        let house = Self { cluster, nginx, operator };
        house.backup_made(&now());
        house
    }

    fn backup_made(&self, at: &str) {
        std::fs::write(self.operator.data().join("last-backup"), at).unwrap();
    }

    async fn check(&self) -> Checked {
        let (code, out, complaint) = self.operator.command(&["check", "--json"]).await;
        let findings: Vec<Value> = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{complaint}"));
        for finding in &findings {
            let found = finding["found"].as_str().unwrap();
            assert!(!found.contains('\n') && !found.contains(Redis::PASSWORD), "{found}");
        }
        let all = findings.into_iter().map(|finding| (finding["check"].as_str().unwrap().to_owned(), finding));
        Checked { code, all: all.collect(), complaint }
    }

    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        self.operator.command(arguments).await
    }

    /// Rows of everything that a registration is made of.
    async fn rows(&self) -> Vec<i64> {
        let mut rows = Vec::new();
        for table in ["registration", "attachment", "file_chunk", "history", "notification", "mail", "upload"] {
            rows.push(self.cluster.database.number(&format!("select count(*) from {table}")).await);
        }
        rows
    }
}

/// The time as a backup writes it.
fn now() -> String {
    let output = std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn all_is_well_and_nothing_is_left_of_looking() {
    let house = House::open().await;
    let real = house.cluster.register(0, "Wanjala").await;
    house.cluster.mail_to(&real, std::time::Duration::from_secs(10)).await;
    let all_sent = async || {
        let pending = house.cluster.database.number("select count(*) from mail where state = 'pending'").await;
        (pending == 0).then_some(())
    };
    wait_for("all mails to leave", all_sent).await;
    // Views are written each second.
    let counted = async || {
        let submitted = "select coalesce(sum(n), 0)::bigint from page_view where page = 'submitted'";
        (house.cluster.database.number(submitted).await == 1).then_some(())
    };
    wait_for("the view to be written", counted).await;
    let rows = house.rows().await;
    let (_, stats, _) = house.run(&["event", "stats", "connect", "--json"]).await;

    for _ in 0..2 {
        let checked = house.check().await;
        assert_eq!((checked.code, checked.complaint.as_str()), (0, ""), "{checked:#?}");
        assert_eq!(checked.not_well(), Vec::<&str>::new(), "{checked:#?}");
        for part in ["web-1", "web-2", "notifier-1", "notifier-2"] {
            checked.wants(part, "ok", "ready");
        }
        checked.wants("versions", "ok", "everywhere");
        checked.wants("clock", "ok", "the same everywhere");
        checked.wants("database", "warn", "may change tables");
        checked.wants("redis", "ok", "noeviction");
        checked.wants("mail relay", "ok", "as sender");
        checked.wants("certificate", "ok", "TLS 1.3, HTTP/2");
        checked.wants("redirect", "ok", "leads to https://localhost");
        checked.wants("web replicas", "ok", "web-1");
        checked.wants("page views", "ok", "20 forms were opened through https://localhost/, at web-1 (");
        checked.wants("page views", "ok", "web-2 (");
        checked.wants("registration", "ok", &format!("the relay took its mail to {ONCALL}"));
        checked.wants("backup", "ok", "0 min ago");
    }
    let ours = house.cluster.relay.mails().into_iter().filter(|mail| mail.rcpt[0] == ONCALL).count();
    assert_eq!(ours, 2, "and nobody else got a mail of it");

    assert_eq!(house.rows().await, rows);
    assert_eq!(house.run(&["event", "stats", "connect", "--json"]).await.1, stats);
    let (_, stats, _) = house.run(&["event", "stats", "_check", "--json"]).await;
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert_eq!((&stats[0]["registrations"], &stats[0]["opened"]), (&0.into(), &40.into()), "{stats}");
    assert!(!house.run(&["event", "list"]).await.1.contains("_check"));
    assert!(house.run(&["event", "list", "--all"]).await.1.contains("_check"));

    let person = house.cluster.person(0);
    assert_eq!(testkit::registrant::location(&person.get("/").await).as_deref(), Some("/connect/"));
    let form = person.get("/_check/register").await.text().await.unwrap();
    assert!(form.contains("name=\"robots\" content=\"noindex\""), "{form}");
    for web in &house.cluster.webs {
        let (_, metrics) = web.ops("/metrics").await.unwrap();
        let counted = |line: &&str| line.starts_with("karibu_page_views_total{event=\"connect\",page=\"form\"}");
        let views: f64 = metrics.lines().find(counted).unwrap().rsplit_once(' ').unwrap().1.parse().unwrap();
        assert!(views < 5.0, "{views} views of the real event");
    }
}

#[tokio::test]
async fn a_part_that_died_is_named() {
    let mut house = House::open().await;
    house.cluster.webs[1].kill().await;
    house.cluster.notifiers[1].kill().await;
    house.cluster.redis.kill().await;
    house.operator.set("ONCAL", "x@example.org");
    let checked = house.check().await;
    checked.wants("web-2", "fail", "nobody answers at http://127.0.0.1:");
    checked.wants("notifier-2", "fail", "KARIBU_PARTS");
    checked.wants("redis", "fail", "KARIBU_REDIS_URL");
    checked.wants("settings", "fail", "did you mean KARIBU_ONCALL?");
    checked.wants("web replicas", "ok", "web-1");
    checked.wants("page views", "ok", "counted exactly");
    checked.wants("registration", "ok", "the relay took its mail");
    house.operator.set("ONCAL", "");

    // Redis is back, with a policy that throws away; a web says who it is; the other notifier's clock is wrong.
    house.cluster.redis.start_again().await;
    house.cluster.redis.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await.unwrap();
    house.cluster.webs[1].start_again().await;
    house.cluster.notifiers[1].set_clock("+1h");
    house.cluster.notifiers[1].start_again().await;
    let checked = house.check().await;
    checked.wants("redis", "warn", "maxmemory-policy noeviction");
    checked.wants("clock", "fail", "notifier-2 is 3");
    checked.wants("clock", "fail", "s ahead");
    checked.wants("web-2", "ok", "ready");
}

#[tokio::test]
async fn a_database_that_takes_nothing_is_told() {
    let house = House::open().await;
    let name = house.cluster.database.url().rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let run = async |sql: &str| house.cluster.database.run(sql).await;

    run("delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)").await;
    let checked = house.check().await;
    checked.wants("database", "fail", "1 migrations are pending");
    checked.wants("database", "fail", "run `karibu migrate`");
    checked.wants("registration", "not checked", "come first");

    run(&format!("alter database \"{name}\" set default_transaction_read_only = on")).await;
    let checked = house.check().await;
    checked.wants("database", "fail", "can only read");
    checked.wants("database", "fail", "default_transaction_read_only");

    let mut house = house;
    house.operator.set("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/d");
    let checked = house.check().await;
    checked.wants("database", "fail", "KARIBU_DATABASE_URL");
    assert!(!format!("{checked:?}").contains("hunter2"));
}

#[tokio::test]
async fn what_visitors_and_mails_meet_is_told() {
    let house = House::open().await;
    house.cluster.relay.set_mode(Mode::WrongPassword);
    house.backup_made("2026-01-01T00:00:00Z");
    let checked = house.check().await;
    checked.wants("backup", "fail", "the last one was made");
    checked.wants("page views", "ok", "counted exactly");
    checked.wants("mail relay", "fail", "KARIBU_SMTP_URL");
    checked.wants("registration", "fail", "its mail did not leave within 15 s");
    assert_eq!(house.rows().await, [0; 7], "it is removed all the same");
    house.cluster.relay.set_mode(Mode::Healthy);

    let (certificate, key) = &house.nginx.certificates().expired;
    house.nginx.take_certificate(certificate, key);
    house.nginx.reload();
    let expired = async || (house.check().await.state("certificate") == "fail").then_some(());
    wait_for("the new certificate", expired).await;
    let checked = house.check().await;
    checked.wants("certificate", "fail", "it has expired");
    checked.wants("certificate", "fail", "KARIBU_CERTIFICATE");
    checked.wants("registration", "not checked", "public address");

    let (certificate, key) = &house.nginx.certificates().elsewhere;
    house.nginx.take_certificate(certificate, key);
    house.nginx.reload();
    let elsewhere = async || house.check().await.found("certificate").contains("it is not for localhost").then_some(());
    wait_for("the other certificate", elsewhere).await;
}

#[tokio::test]
async fn the_event_of_checks_is_nobodys() {
    let house = House::open().await;
    let file = house.operator.data().join("event.toml");
    let sample = std::fs::read_to_string(testkit::serve::root().join("events/connect.toml")).unwrap();
    let copied = "# The event that `karibu check` registers for\n".to_owned() + &sample;
    for (text, told) in [(sample, "line 8: `slug`: `_check` is a page"), (copied, "for `karibu check` alone")] {
        std::fs::write(&file, text.replace("slug = \"connect\"", "slug = \"_check\"")).unwrap();
        let (code, _, complaint) = house.run(&["event", "import", file.to_str().unwrap()]).await;
        assert!(code == 1 && complaint.contains(told), "{complaint}");
    }

    // What a check that was killed left behind goes with the next one, once it is an hour old.
    assert_eq!(house.check().await.code, 0);
    let web = &house.cluster.webs[0];
    let stranger = testkit::registrant::Registrant::new(web.client(), &web.url(), "_check");
    #[expect(clippy::disallowed_methods, reason = "the proof is for the web's clock, which is the machine's")]
    let now = jiff::Timestamp::now();
    let proof = registration::token::Signer::new(vec![crate::house::KEY.into()]).probe(now);
    let proof = [(registration::probe::PROOF.parse().unwrap(), proof.parse().unwrap())].into_iter().collect();
    let client = web.client_builder().default_headers(proof).build().unwrap();
    let person = testkit::registrant::Registrant::new(client, &web.url(), "_check");
    for age in ["2 hours", "1 minute"] {
        let form = person.open().await;
        let filled = testkit::registrant::Filled(vec![
            ("last_name".to_owned(), "Left".to_owned()),
            ("email".to_owned(), "left@example.org".to_owned()),
        ]);
        assert_eq!(stranger.send(&form, &filled, None).await.status(), 404, "only a check is registered");
        assert_eq!(person.send(&form, &filled, None).await.status(), 303);
        let id = format!("(select id from registration where submission_id = '{}')", form.submission_id);
        let older = format!("update registration set created_at = now() - interval '{age}' where id = {id}");
        house.cluster.database.run(&older).await;
    }
    let checked = house.check().await;
    checked.wants("registration", "ok", "it was removed");
    assert_eq!(house.rows().await[0], 1, "the younger one may belong to a check that runs");
}

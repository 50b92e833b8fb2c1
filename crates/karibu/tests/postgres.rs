//! `karibu` on PostgreSQL, by settings alone.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, its helpers too")]

use reqwest::StatusCode;
use testkit::postgres::{Options, Postgres, database};
use testkit::serve::{Served, wait_for};

const KARIBU: &str = env!("CARGO_BIN_EXE_karibu");

async fn readyz(served: &Served) -> StatusCode {
    reqwest::get(format!("{}/readyz", served.ops_url())).await.unwrap().status()
}

async fn has_gauges(served: &Served) -> bool {
    let metrics = reqwest::get(format!("{}/metrics", served.ops_url())).await.unwrap().text().await.unwrap();
    metrics.contains("karibu_notifications_pending")
}

async fn form(served: &Served) -> StatusCode {
    served.client().get(format!("{}/connect/register", served.url())).send().await.unwrap().status()
}

#[tokio::test]
async fn it_outlives_the_database_and_heals_by_itself() {
    let mut postgres = Postgres::start(Options::default()).await;
    let mut served = Served::start(KARIBU, &[("DATABASE_URL", &postgres.url("postgres"))]).await;
    assert!(!served.data().join("karibu.db").exists());
    wait_for("the gauges", async || has_gauges(&served).await.then_some(())).await;
    postgres.stop().await;
    let down = StatusCode::SERVICE_UNAVAILABLE;
    wait_for("not ready", async || (readyz(&served).await == down).then_some(())).await;
    wait_for("no gauges", async || (!has_gauges(&served).await).then_some(())).await;
    assert_eq!(form(&served).await, StatusCode::OK, "the form is still shown");
    postgres.start_again().await;
    wait_for("ready again", async || (readyz(&served).await == StatusCode::OK).then_some(())).await;
    wait_for("the gauges again", async || has_gauges(&served).await.then_some(())).await;
    assert_eq!(served.terminate().await, Some(0), "{}", served.log());
}

#[tokio::test]
async fn it_ends_in_time_although_the_database_is_gone() {
    let mut postgres = Postgres::start(Options::default()).await;
    let mut served = Served::start(KARIBU, &[("DATABASE_URL", &postgres.url("postgres"))]).await;
    postgres.stop().await;
    assert_eq!(served.terminate().await, Some(0), "{}", served.log());
}

#[tokio::test]
async fn the_server_is_named_at_start_and_its_password_is_not() {
    let database = database().await;
    let served = Served::start(KARIBU, &[("DATABASE_URL", database.url())]).await;
    let name = database.url().rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let log = served.log();
    let line = log.lines().find(|line| line.starts_with("  Data ")).unwrap();
    assert!(line.starts_with("  Data    PostgreSQL ") && line.contains(&format!("/{name}; keys in ")), "{line}");
    assert!(line.ends_with(&served.data().display().to_string()) && !line.contains('@'), "{line}");
}

#[tokio::test]
async fn migrations_are_applied_only_when_they_may_be() {
    let database = database().await;
    let served = Served::start(KARIBU, &[]).await;
    let flags = ["--database-url", database.url()];
    let (code, _, complaint) = served.command(&["event", "list", flags[0], flags[1]]).await;
    assert_eq!(code, 1);
    assert!(complaint.contains("`karibu migrate`") && complaint.lines().count() == 1, "{complaint}");
    let (code, out, complaint) = served.command(&["migrate", flags[0], flags[1]]).await;
    assert_eq!((code, out.as_str()), (0, "The PostgreSQL database is up to date.\n"), "{complaint}");
    let (code, out, complaint) = served.command(&["event", "list", "--json", flags[0], flags[1]]).await;
    assert_eq!((code, out.as_str()), (0, "[]\n"), "{complaint}");
}

//! The promises that Karibu makes to people: on both engines, by settings alone.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::StatusCode;
use testkit::letters::{Letter, letters, wait_for_letters};
use testkit::registrant::{Attached, Filled, Registrant, location};
use testkit::serve::{Served, wait_at_most, wait_for};

use crate::engines::Engine;

/// The sample event with ten places.
async fn ten_places(served: &Served) {
    let (code, sample, _) = served.command(&["event", "export", "connect"]).await;
    assert_eq!(code, 0);
    let file = served.data().join("..").join("ten.toml");
    let limited: Vec<String> = sample
        .lines()
        .map(|line| if line.starts_with("capacity") { "capacity = 10".to_owned() } else { line.to_owned() })
        .collect();
    std::fs::write(&file, limited.join("\n")).unwrap();
    let (code, _, complaint) = served.command(&["event", "import", &file.display().to_string()]).await;
    assert_eq!(code, 0, "{complaint}");
}

/// The registrations' references and statuses by `karibu event stats --json` and the mails.
async fn stats(served: &Served) -> serde_json::Value {
    let (code, out, complaint) = served.command(&["event", "stats", "connect", "--json"]).await;
    assert_eq!(code, 0, "{complaint}");
    serde_json::from_str(&out).unwrap()
}

async fn fifty_at_once_for_ten_places(engine: Engine) {
    let (served, _server) = engine.serve(&[]).await;
    ten_places(&served).await;
    let person = Registrant::new(served.client(), &served.url(), "connect");
    let mut forms = Vec::new();
    for _ in 0..50 {
        forms.push(person.open().await);
    }
    let tasks: Vec<_> = forms
        .into_iter()
        .enumerate()
        .map(|(n, form)| {
            let person = person.clone();
            tokio::spawn(async move { person.send(&form, &Filled::sample(&format!("Taker {n}")), None).await })
        })
        .collect();
    let mut pages = Vec::new();
    for task in tasks {
        let answer = task.await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        pages.push(location(&answer).unwrap());
    }
    // A burst is put together for the organiser, so there are fewer mails than registrations, and each is told once.
    let told = |letters: &[Letter]| {
        let mails = letters.iter().filter(|letter| letter.to == "devops@ubuntunet.net");
        mails.flat_map(|letter| references(&letter.text)).collect::<Vec<_>>()
    };
    let letters = wait_for("a mail to everybody, and all of them told to the organiser", async || {
        let letters = letters(&served.mails());
        let persons = letters.iter().filter(|letter| letter.to.starts_with("person-")).count();
        (persons == 50 && told(&letters).len() == 50).then_some(letters)
    })
    .await;
    assert_eq!(told(&letters).iter().collect::<BTreeSet<_>>().len(), 50);
    let stats = stats(&served).await;
    assert_eq!(stats[0]["status"]["confirmed"], 10, "{stats}");
    assert_eq!(stats[0]["status"]["waiting"], 40, "{stats}");
    assert!(letters.iter().any(|letter| letter.subject.contains("(10/10)")), "the subject counts places");
}

/// The references that an organiser's mail tells of, each once.
fn references(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| c.is_whitespace() || c == ',');
    let shaped = |word: &&str| word.len() == "KC-XXXX-XXXX".len() && word.starts_with("KC-");
    words.filter(shaped).map(str::to_owned).collect()
}

async fn the_same_body_twenty_times_at_once(engine: Engine) {
    let (served, _server) = engine.serve(&[]).await;
    let person = Registrant::new(served.client(), &served.url(), "connect");
    let form = person.open().await;
    let filled = Filled::sample("Once");
    let file = Attached::large_pdf("cv.pdf", 600_000);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (person, form, filled, file) = (person.clone(), form.clone(), filled.clone(), file.clone());
            tokio::spawn(async move { person.send(&form, &filled, Some(&file)).await })
        })
        .collect();
    let mut pages = BTreeSet::new();
    for task in tasks {
        let answer = task.await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", served.log());
        pages.insert(location(&answer).unwrap().split('?').next().unwrap().to_owned());
    }
    assert_eq!(pages.len(), 1, "all twenty lead to one page");
    wait_for_letters(&served.mails(), 2).await;
    let stats = stats(&served).await;
    assert_eq!(stats[0]["status"]["confirmed"], 1, "{stats}");
    // Nothing more is on its way: the outbox is empty, and still two mails.
    outbox_is_empty(&served).await;
    assert_eq!(letters(&served.mails()).len(), 2);
}

/// Waits until the notifier says that nothing is pending.
async fn outbox_is_empty(served: &Served) {
    let client = reqwest::Client::new();
    // What a killed process had leased is free again when its lease ends, after a minute.
    wait_at_most(Duration::from_secs(100), "an empty outbox", async || {
        let metrics = client.get(format!("{}/metrics", served.ops_url())).send().await.ok()?.text().await.ok()?;
        metrics.lines().any(|line| line == "karibu_notifications_pending 0").then_some(())
    })
    .await;
}

async fn everything_outlives_a_restart_and_a_kill(engine: Engine) {
    let (mut served, _server) = engine.serve(&[]).await;
    let person = Registrant::new(served.client(), &served.url(), "connect");
    let file = Attached::large_pdf("student.pdf", 3 << 20);
    let filled = Filled::sample("Keeper").with("category", "student");
    let page = person.register(&filled, Some(&file)).await;
    let letters = wait_for_letters(&served.mails(), 2).await;
    let organizer = letters.iter().find(|letter| letter.to == "devops@ubuntunet.net").unwrap().clone();
    assert_eq!(served.terminate().await, Some(0));
    served.start_again().await;
    assert_eq!(person.get(&page).await.status(), StatusCode::OK);
    served.kill().await;
    served.start_again().await;
    assert_eq!(person.get(&page).await.status(), StatusCode::OK);
    let link = organizer.link(&format!("{}/organizer/", served.url()));
    let client = served.client();
    let view = client.get(&link).send().await.unwrap().text().await.unwrap();
    let path = view.split("href=\"").find_map(|rest| rest.split('"').next().filter(|href| href.contains("/files/")));
    let content = client.get(format!("{}{}", served.url(), path.unwrap())).send().await.unwrap().bytes().await.unwrap();
    assert!(content == file.content, "the file comes back byte for byte");
    assert_eq!(testkit::letters::letters(&served.mails()).len(), 2, "nothing is mailed again");
}

/// Makes a test of a promise for each engine.
macro_rules! on_both_engines {
    ($($promise:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")] async fn $promise() { super::$promise(super::Engine::Sqlite).await; })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")] async fn $promise() { super::$promise(super::Engine::Postgres).await; })+
        }
    };
}

on_both_engines!(
    fifty_at_once_for_ten_places,
    the_same_body_twenty_times_at_once,
    everything_outlives_a_restart_and_a_kill,
);

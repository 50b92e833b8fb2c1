//! A person registers in a real browser, with and without JavaScript, in both languages; pages are accessible and narrow
//! enough; pictures go to `target/screenshots`.

use testkit::browser::{Browser, Look};
use testkit::letters::wait_for_letters;
use testkit::registrant::Attached;
use testkit::serve::{Served, wait_for};

use crate::engines::BINARY;

/// A PDF on this machine's disk, for the file chooser.
fn passport(served: &Served) -> (String, Vec<u8>) {
    let file = Attached::pdf("passport.pdf", "passport page");
    let path = served.data().join("..").join("passport.pdf");
    std::fs::write(&path, &file.content).unwrap();
    (path.canonicalize().unwrap().display().to_string(), file.content)
}

/// Fills in the form that is open, in English, as a student who comes to the venue, with a file of this path.
pub(crate) async fn fill_in_as_a_student(browser: &Browser, path: &str) {
    browser.type_into("first_name", "Aïcha").await;
    browser.type_into("last_name", "Rakoto <b>Bold</b>").await;
    browser.type_into("email", "aicha@example.org").await;
    browser.choose("country", "MG").await;
    browser.type_into("phone", "032 11 222 33").await;
    browser.type_into("organization", "iRENALA & friends").await;
    browser.choose("category", "student").await;
    browser.choose("attendance", "onsite").await;
    assert!(browser.sees("[name=\"arrival\"]").await, "who comes to the venue is asked when");
    browser.choose("visa_letter", "no").await;
    browser.type_into("attachment", path).await;
    browser.press("input[name=\"consent\"]").await;
}

async fn a_person_registers(scripts: bool) {
    let served = Served::start(BINARY, &[]).await;
    let browser = Browser::start(Look { scripts, ..Look::default() }).await;
    browser.open(&format!("{}/connect/register?lang=en", served.url())).await;
    fill_in_as_a_student(&browser, &passport(&served).0).await;
    browser.press("main form button").await;
    let page = wait_for("the page after", async || {
        let address = browser.address().await;
        address.contains("/connect/registered/").then_some(address)
    })
    .await;
    let shown = browser.text("main").await;
    assert!(shown.contains("KC-"), "{page} shows no reference: {shown}");
    assert!(shown.contains("Rakoto <b>Bold</b>"), "what was received is shown as it was typed: {shown}");

    // A reload of the page after shows the same page and registers nobody.
    browser.page.refresh().await.unwrap();
    assert!(browser.text("main").await.contains("KC-"));

    let letters = wait_for_letters(&served.mails(), 2).await;
    assert_eq!(letters.len(), 2, "one mail to the organiser and one to the registrant");
    let organizer = letters.iter().find(|letter| letter.to == "devops@ubuntunet.net").expect("the organiser's mail");
    assert!(organizer.text.contains("Rakoto <b>Bold</b>"), "{}", organizer.text);
    assert!(organizer.html.contains("Rakoto") && !organizer.html.contains("<b>Bold"), "{}", organizer.html);
    assert!(organizer.text.contains("+261321122233"), "the number is kept as E.164: {}", organizer.text);
    assert_eq!(organizer.reply_to.as_deref(), Some("aicha@example.org"));
    assert_eq!(organizer.attachments, 0, "files are linked, not attached");

    // The organiser's link shows the registration, and the file comes back byte for byte.
    let link = organizer.link(&format!("{}/organizer/", served.url()));
    let client = served.client();
    let view = client.get(&link).send().await.unwrap().text().await.unwrap();
    let path = view.split("href=\"").find_map(|rest| rest.split('"').next().filter(|href| href.contains("/files/")));
    let file = client.get(format!("{}{}", served.url(), path.expect("a link to the file"))).send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "application/pdf");
    assert_eq!(file.bytes().await.unwrap(), passport(&served).1);

    let confirmation = letters.iter().find(|letter| letter.to == "aicha@example.org").expect("the confirmation");
    assert!(!confirmation.text.contains("Rakoto"), "no free text is repeated: {}", confirmation.text);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_registers_with_javascript() {
    a_person_registers(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_registers_without_javascript() {
    a_person_registers(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_come_back_at_their_fields_with_everything_typed_and_the_file_kept() {
    let served = Served::start(BINARY, &[]).await;
    let browser = Browser::start(Look { width: 360, ..Look::default() }).await;
    let (path, content) = passport(&served);
    browser.open(&format!("{}/connect/register?lang=fr", served.url())).await;
    browser.type_into("last_name", "Rakoto").await;
    browser.type_into("attachment", &path).await;
    browser.press("main form button").await;
    wait_for("the form with its mistakes", async || browser.sees("[role=\"alert\"]").await.then_some(())).await;
    assert!(browser.source().await.contains("lang=\"fr\""));
    assert!(browser.sees("[role=\"alert\"] a[href=\"#email\"]").await, "the summary links to the field");
    assert_eq!(browser.axe().await, Vec::<String>::new());
    browser.picture("mistakes-360-fr").await;
    assert_eq!(browser.value("last_name").await, "Rakoto");
    assert!(browser.source().await.contains("passport.pdf"), "the kept file is named");

    // The second try sends no file: the kept one is taken.
    browser.type_into("email", "rakoto@example.org").await;
    browser.type_into("organization", "iRENALA").await;
    browser.choose("country", "MG").await;
    browser.choose("category", "student").await;
    browser.choose("attendance", "online").await;
    browser.press("input[name=\"consent\"]").await;
    browser.press("main form button").await;
    wait_for("the page after", async || browser.address().await.contains("/registered/").then_some(())).await;
    let letters = wait_for_letters(&served.mails(), 2).await;
    let organizer = letters.iter().find(|letter| letter.to == "devops@ubuntunet.net").unwrap();
    let link = organizer.link(&format!("{}/organizer/", served.url()));
    let client = served.client();
    let view = client.get(&link).send().await.unwrap().text().await.unwrap();
    let path = view.split("href=\"").find_map(|rest| rest.split('"').next().filter(|href| href.contains("/files/")));
    let file = client.get(format!("{}{}", served.url(), path.unwrap())).send().await.unwrap();
    assert_eq!(file.bytes().await.unwrap(), content);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_and_fits_a_phone() {
    let served = Served::start(BINARY, &[]).await;
    let client = served.client();
    let person = testkit::registrant::Registrant::new(client, &served.url(), "connect");
    let after = person.register(&testkit::registrant::Filled::sample("Mwangi"), None).await;
    let letters = wait_for_letters(&served.mails(), 2).await;
    let organizer = letters.iter().find(|letter| letter.to == "devops@ubuntunet.net").unwrap();
    let link = organizer.link(&format!("{}/organizer/", served.url()));
    let path = link.trim_start_matches(&served.url()).to_owned();
    let mail = client_path_of_first_mail(&served).await;
    let pages = [
        ("event", "/connect/".to_owned()),
        ("form", "/connect/register".to_owned()),
        ("after", after),
        ("organizer", path),
        ("unknown", "/no-such-event/".to_owned()),
        ("mails", "/mail/".to_owned()),
        ("mail", mail),
    ];
    let looks =
        [("360", Look { width: 360, ..Look::default() }), ("1280-dark", Look { dark: true, ..Look::default() })];
    for (kind, look) in looks {
        let browser = Browser::start(look).await;
        for (name, path) in &pages {
            for language in ["en", "fr"] {
                if language == "fr" && (name.starts_with("mail") || kind != "360") {
                    continue;
                }
                let join = if path.contains('?') { '&' } else { '?' };
                let path = if path.contains("lang=") { path.clone() } else { format!("{path}{join}lang={language}") };
                browser.open(&format!("{}{path}", served.url())).await;
                assert_eq!(browser.axe().await, Vec::<String>::new(), "{name} {kind} {language}");
                assert!(browser.overflow().await <= 0, "{name} scrolls sideways at {kind}");
                browser.picture(&format!("{name}-{kind}-{language}")).await;
            }
        }
        browser.close().await;
    }
}

/// The path of the newest mail in the viewer.
async fn client_path_of_first_mail(served: &Served) -> String {
    let list = served.client().get(format!("{}/mail/", served.url())).send().await.unwrap().text().await.unwrap();
    let href = list.split("href=\"").find_map(|rest| rest.split('"').next().filter(|href| href.contains(".eml")));
    let href = href.expect("a mail is listed");
    if href.starts_with('/') { href.to_owned() } else { format!("/mail/{href}") }
}

//! Guards and the private link of attachments in a real browser, with and without JavaScript.

use testkit::browser::{Browser, Look};
use testkit::registrant::Attached;
use testkit::serve::{Served, wait_for};

use crate::engines::BINARY;

/// The key "Enter", as `WebDriver` writes it.
const ENTER: &str = "\u{e007}";

/// Writes a PDF to this machine's disk, for the file chooser.
fn file(served: &Served, name: &str) -> String {
    let path = served.data().join("..").join(name);
    std::fs::write(&path, Attached::pdf(name, "a page").content).unwrap();
    path.canonicalize().unwrap().display().to_string()
}

async fn the_language_is_switched_and_a_file_follows(scripts: bool) {
    let served = Served::start(BINARY, &[]).await;
    // At this width the driver waits for a script of its own.
    let width = if scripts { 360 } else { 1280 };
    let browser = Browser::start(Look { scripts, width, ..Look::default() }).await;
    browser.open(&format!("{}/connect/register?lang=en", served.url())).await;
    browser.type_into("last_name", "Rakoto").await;
    browser.type_into("attachment", &file(&served, "first.pdf")).await;
    browser.press("main form .send button").await;
    wait_for("the form with its mistakes", async || browser.sees("[role=\"alert\"]").await.then_some(())).await;

    // The switch takes everything along.
    browser.press("header button[formaction]").await;
    wait_for("the form in French", async || browser.sees("html[lang=\"fr\"] [name=\"last_name\"]").await.then_some(()))
        .await;
    assert_eq!(browser.value("last_name").await, "Rakoto");
    assert!(browser.source().await.contains("first.pdf"), "the kept file is named");
    if scripts {
        assert_eq!(browser.axe().await, Vec::<String>::new());
        browser.picture("language-360-fr").await;
    }

    // Enter in an input registers: it does not switch the language.
    browser.type_into("organization", "iRENALA").await;
    browser.choose("country", "MG").await;
    browser.choose("category", "student").await;
    browser.choose("attendance", "online").await;
    browser.press("input[name=\"consent\"]").await;
    browser.type_into("email", &format!("rakoto@example.org{ENTER}")).await;
    wait_for("the page after", async || browser.address().await.contains("/registered/").then_some(())).await;
    assert!(browser.source().await.contains("<html lang=\"fr\""));

    // The private link replaces the file.
    browser.press("main a[href*=\"/attachments/\"]").await;
    wait_for("the page of attachments", async || browser.sees("input[name=\"attachment\"]").await.then_some(())).await;
    assert!(browser.text("main").await.contains("first.pdf"));
    if scripts {
        assert_eq!(browser.axe().await, Vec::<String>::new());
        assert_eq!(browser.overflow().await, 0);
    }
    browser.type_into("attachment", &file(&served, "second.pdf")).await;
    browser.press("main form button").await;
    wait_for("the file saved", async || browser.address().await.contains("saved=").then_some(())).await;
    let shown = browser.text("main").await;
    assert!(shown.contains("second.pdf"), "{shown}");
    assert!(shown.contains("Enregistré") && !shown.contains("first.pdf"), "{shown}");
    if scripts {
        browser.picture("attachments-360-fr").await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_language_is_switched_and_a_file_follows_with_javascript() {
    the_language_is_switched_and_a_file_follows(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_language_is_switched_and_a_file_follows_without_javascript() {
    the_language_is_switched_and_a_file_follows(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_fast_presses_again_and_is_registered() {
    let served = Served::start(BINARY, &[("MIN_FILL", "2s")]).await;
    let browser = Browser::start(Look { scripts: false, ..Look::default() }).await;
    browser.open(&format!("{}/connect/register?lang=en", served.url())).await;
    browser.type_into("last_name", "Kamau").await;
    browser.type_into("email", "kamau@example.org").await;
    browser.type_into("organization", "KENET").await;
    browser.choose("country", "KE").await;
    browser.choose("category", "delegate").await;
    browser.choose("attendance", "online").await;
    browser.press("input[name=\"consent\"]").await;
    // However fast the machine is, pressing again is enough in the end, and nothing is lost on the way.
    wait_for("the page after", async || {
        if browser.address().await.contains("/registered/") {
            return Some(());
        }
        assert_eq!(browser.value("last_name").await, "Kamau");
        browser.press("main form .send button").await;
        None
    })
    .await;
    assert!(browser.text("main").await.contains("KC-"));
    browser.close().await;
}

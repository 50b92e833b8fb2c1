//! What the form's script adds, in a real browser: drafts on the device, a warning before leaving, and answers of the server in
//! the page's place.

use serde_json::Value;
use testkit::browser::{Browser, Look};
use testkit::letters::wait_for_letters;
use testkit::registrant::Attached;
use testkit::serve::{Served, wait_for};

use crate::browser::fill_in_as_a_student;
use crate::engines::BINARY;

const DRAFT: &str = "#the-draft input";
const DELETE: &str = "#the-draft button";

fn form(served: &Served) -> String {
    format!("{}/connect/register?lang=en", served.url())
}

async fn run(browser: &Browser, script: &str) -> Value {
    browser.page.execute(script, vec![]).await.unwrap()
}

/// What is kept on the device.
async fn kept(browser: &Browser) -> String {
    run(browser, "return JSON.stringify({...localStorage})").await.as_str().unwrap().to_owned()
}

/// Whether leaving the page now is asked about.
async fn warns(browser: &Browser) -> bool {
    let script = "const e = new Event('beforeunload', {cancelable: true}); dispatchEvent(e); return e.defaultPrevented";
    run(browser, script).await.as_bool().unwrap()
}

fn a_file(folder: &tempfile::TempDir) -> String {
    let file = Attached::pdf("passport.pdf", "passport page");
    let path = folder.path().join(&file.name);
    std::fs::write(&path, &file.content).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_kept_when_asked_for_without_what_is_private_and_goes() {
    let served = Served::start(BINARY, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let browser = Browser::start(Look::default()).await;
    browser.open(&form(&served)).await;
    fill_in_as_a_student(&browser, &a_file(&folder)).await;
    browser.choose("dietary", "halal").await;
    assert_eq!(kept(&browser).await, "{}", "nothing is kept unasked");
    browser.press(DRAFT).await;
    assert_eq!(browser.axe().await, Vec::<String>::new());
    let draft = kept(&browser).await;
    assert!(draft.contains("Rakoto") && draft.contains("aicha@example.org"), "{draft}");
    for private in ["passport", "visa", "dietary", "halal", "attachment", "consent", "form_token", "submission"] {
        assert!(!draft.contains(private), "{private} in {draft}");
    }

    // It is there when the form is opened again, in the other language, too.
    browser.open(&form(&served).replace("lang=en", "lang=fr")).await;
    assert_eq!(browser.value("last_name").await, "Rakoto <b>Bold</b>");
    assert_eq!(browser.value("country").await, "MG");
    assert!(browser.sees("[name=arrival]").await, "what was chosen shows what follows from it");
    assert!(browser.text(".send [role=status]").await.contains("brouillon"));
    let ticked =
        run(&browser, "return [...document.querySelectorAll('input:checked')].map(i => i.name + i.value)").await;
    assert_eq!(ticked.to_string(), r#"["categorystudent","attendanceonsite","on"]"#);

    // It goes by the button, by unticking, and after seven days.
    browser.press(DELETE).await;
    assert_eq!(kept(&browser).await, "{}");
    assert!(!browser.sees(DELETE).await);
    browser.press(DRAFT).await;
    assert_ne!(kept(&browser).await, "{}");
    browser.press(DRAFT).await;
    assert_eq!(kept(&browser).await, "{}");
    browser.press(DRAFT).await;
    let age = "const [[k, v]] = Object.entries(localStorage), d = JSON.parse(v);
        localStorage[k] = JSON.stringify([d[0] - arguments[0] * 864e5, d[1]])";
    browser.page.execute(age, vec![6.into()]).await.unwrap();
    browser.open(&form(&served)).await;
    assert_eq!(browser.value("last_name").await, "Rakoto <b>Bold</b>");
    browser.page.execute(age, vec![1.into()]).await.unwrap();
    browser.open(&form(&served)).await;
    assert_eq!(browser.value("last_name").await, "");
    assert_eq!(kept(&browser).await, "{}");
    assert_eq!(run(&browser, "return document.querySelector('#the-draft input').checked").await, false);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_cleared_by_success_and_leaving_is_warned_about_until_then() {
    let served = Served::start(BINARY, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let browser = Browser::start(Look { width: 360, dark: true, ..Look::default() }).await;
    browser.open(&form(&served)).await;
    assert!(!warns(&browser).await, "nothing was typed");
    browser.press(DRAFT).await;
    assert!(!warns(&browser).await, "a wish for a draft is nothing to lose");
    fill_in_as_a_student(&browser, &a_file(&folder)).await;
    assert!(warns(&browser).await);
    assert_ne!(kept(&browser).await, "{}");
    browser.press("main form button").await;
    wait_for("the page after", async || browser.address().await.contains("/registered/").then_some(())).await;
    assert_eq!(kept(&browser).await, "{}");
    assert!(!warns(&browser).await);
    assert_eq!(wait_for_letters(&served.mails(), 2).await.len(), 2);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_says_stands_in_the_pages_place() {
    let served = Served::start(BINARY, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let browser = Browser::start(Look { dark: true, ..Look::default() }).await;
    browser.open(&form(&served)).await;
    fill_in_as_a_student(&browser, &a_file(&folder)).await;
    run(&browser, "document.querySelector('[name=email]').value = 'nobody'").await;

    // A form that comes back takes the page's place: with its problems, the file kept, and the script at work.
    browser.press("main form button").await;
    wait_for("the form with its mistake", async || browser.sees("#error-summary").await.then_some(())).await;
    wait_for("its script", async || browser.sees("form.js").await.then_some(())).await;
    assert_eq!(run(&browser, "return document.activeElement.id").await, "error-title");
    assert_eq!(browser.axe().await, Vec::<String>::new());
    assert_eq!(browser.value("email").await, "nobody");
    assert!(browser.text(".kept").await.contains("passport.pdf"));
    assert!(browser.sees("[name=arrival]").await);
    assert!(warns(&browser).await, "it is not sent yet");
    browser.choose("attendance", "online").await;
    assert!(!browser.sees("[name=arrival]").await);
    browser.choose("attendance", "onsite").await;

    // A page without the form is shown beside the button, and nothing typed is lost.
    run(
        &browser,
        "const i = document.querySelector('[name=email]'); i.value = 'aicha@example.org'; i.name = 'submission_id'",
    )
    .await;
    browser.press("main form button").await;
    wait_for("the page beside the button", async || {
        browser.text(".send [role=status]").await.contains("Your form did not arrive whole").then_some(())
    })
    .await;
    run(&browser, "document.querySelector('#email').name = 'email'").await;
    browser.press("main form button").await;
    wait_for("the page after", async || browser.address().await.contains("/registered/").then_some(())).await;
    assert_eq!(wait_for_letters(&served.mails(), 2).await.len(), 2);
    browser.close().await;
}

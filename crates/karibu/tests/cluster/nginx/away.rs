//! No web is left: what people see, and that pressing reload then registers them, once.

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, HeaderMap};
use testkit::browser::{Browser, Look};
use testkit::nginx::Nginx;
use testkit::registrant::{Attached, Filled, OpenedForm, Registrant};
use testkit::serve::{root, wait_for};

use crate::front::Front;

const PROMISE: &str = "Keep this page open and press reload: nobody can be registered twice.";

/// As a browser asks for a page.
const PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn each_way_of_asking_gets_its_page_in_both_languages() {
    let nginx = Nginx::prepare().in_front_of(&[testkit::serve::free_port()]).await;
    let form = OpenedForm {
        submission_id: "an-id".to_owned(),
        form_token: "a-token".to_owned(),
        action: "/connect/register".to_owned(),
    };
    for (accept, post, english, french) in [
        (PAGE, true, PROMISE, "Gardez cette page ouverte"),
        ("*/*", true, "press the button again", "appuyez de nouveau sur le bouton"),
        (PAGE, false, "This page cannot be shown right now", "Cette page ne peut pas être affichée"),
    ] {
        for (language, first, second) in [("en-GB,en", english, french), ("fr-FR,fr;q=0.9,en", french, english)] {
            let headers =
                HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap()), (ACCEPT_LANGUAGE, language.parse().unwrap())]);
            let client = nginx.client_builder().default_headers(headers).build().unwrap();
            let person = Registrant::new(client, &nginx.url(), "connect");
            let answer = if post {
                person.send(&form, &Filled::sample("Nyambura"), Some(&Attached::large_pdf("cv.pdf", 1 << 20))).await
            } else {
                person.get("/connect/register").await
            };
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(answer.headers()["retry-after"], "30");
            assert_eq!(answer.headers()["cache-control"], "no-store");
            let page = answer.text().await.unwrap();
            assert!(page.contains(&format!("<html lang=\"{}\">", &language[..2])));
            let place = |words: &str| page.find(words).unwrap_or_else(|| panic!("no {words:?} in {page}"));
            assert!(place(first) < place(second), "the reader's language comes first");
            for none in ["<script", "http-equiv", "@"] {
                assert!(!page.replace("@media", "").contains(none), "{none} in {page}");
            }
        }
    }
}

#[tokio::test]
async fn in_a_demo_these_pages_say_so_too_in_webs_words() {
    let nginx = Nginx::prepare();
    for (file, text) in [("mail_htpasswd", ""), ("demo", "on\n")] {
        std::fs::write(nginx.secrets().join(file), text).unwrap();
    }
    let nginx = nginx.in_front_of(&[testkit::serve::free_port()]).await;
    for language in ["en", "fr"] {
        let words = root().join(format!("crates/presentation/locales/{language}/pages.ftl"));
        let words = std::fs::read_to_string(words).unwrap();
        let demo = words.lines().find_map(|line| line.strip_prefix("page-demo = ")).unwrap();
        let request = nginx.client().get(nginx.url()).header(ACCEPT_LANGUAGE, language);
        let page = request.send().await.unwrap().text().await.unwrap();
        assert!(page.contains(&format!("<p class=\"demo\">{demo}</p>")), "{page}");
    }
}

/// The style is allowed by its hash, so a page that is shown as it is meant proves that the hash is right.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_accessible_and_fits_a_phone() {
    let nginx = Nginx::prepare().in_front_of(&[testkit::serve::free_port()]).await;
    let looks = [
        ("360", Look { width: 360, language: "fr", ..Look::default() }),
        ("1280", Look::default()),
        ("1280-dark", Look { dark: true, ..Look::default() }),
    ];
    for (name, look) in looks {
        let browser = Browser::start(look).await;
        browser.open(&format!("{}/connect/", nginx.url())).await;
        assert_eq!(browser.axe().await, Vec::<String>::new(), "{name}");
        assert!(browser.overflow().await <= 0, "{name}");
        let border = "return getComputedStyle(document.body).borderTopWidth";
        assert_eq!(browser.page.execute(border, vec![]).await.unwrap(), "5px", "the style applies");
        browser.picture(&format!("away-page-{name}")).await;
        browser.close().await;
    }
}

/// Fills in the sample's form with a file of this path.
async fn fill_in(browser: &Browser, front: &Front, path: &str) {
    browser.open(&format!("{}/connect/register?lang=en", front.nginx.url())).await;
    for (name, text) in [
        ("first_name", "Aïcha"),
        ("last_name", "Rakoto"),
        ("email", "aicha@example.org"),
        ("phone", "032 11 222 33"),
        ("organization", "iRENALA & friends"),
    ] {
        browser.type_into(name, text).await;
    }
    for (name, value) in [("country", "MG"), ("category", "student"), ("attendance", "online")] {
        browser.choose(name, value).await;
    }
    browser.type_into("attachment", path).await;
    browser.press("input[name=\"consent\"]").await;
}

/// The page after is there, and the registration once, with its file byte for byte.
async fn is_registered_once(browser: &Browser, front: &Front, content: &[u8]) {
    wait_for("the page after", async || browser.address().await.contains("/connect/registered/").then_some(())).await;
    assert!(browser.text("main").await.contains("KC-"));
    assert_eq!(front.registrations().await, 1);
    let link = front.organizers_letter().await.link(&format!("{}/organizer/", front.nginx.url()));
    let client = front.nginx.client();
    let view = client.get(&link).send().await.unwrap().text().await.unwrap();
    let path = view.split("href=\"").find_map(|rest| rest.split('"').next().filter(|href| href.contains("/files/")));
    let file = client.get(format!("{}{}", front.nginx.url(), path.unwrap())).send().await.unwrap();
    assert!(file.bytes().await.unwrap() == content, "byte for byte");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_reload_registers_once_with_the_file() {
    let mut front = Front::open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = Attached::large_pdf("passport.pdf", 600_000);
    let path = folder.path().join(&file.name);
    std::fs::write(&path, &file.content).unwrap();
    let browser = Browser::start(Look { scripts: false, ..Look::default() }).await;
    fill_in(&browser, &front, &path.display().to_string()).await;
    for web in &mut front.webs {
        web.kill().await;
    }
    browser.press("main form .send button").await;
    wait_for("the page of nginx", async || browser.source().await.contains(PROMISE).then_some(())).await;
    browser.picture("away-form-1280").await;
    // Reloading too early changes nothing.
    browser.page.refresh().await.unwrap();
    assert!(browser.source().await.contains(PROMISE));
    for web in &mut front.webs {
        web.start_again().await;
    }
    browser.page.refresh().await.unwrap();
    is_registered_once(&browser, &front, &file.content).await;
    browser.page.refresh().await.unwrap();
    assert_eq!(front.registrations().await, 1);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_javascript_the_form_stays_and_the_button_registers_once_with_the_file() {
    let mut front = Front::open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = Attached::large_pdf("passport.pdf", 600_000);
    let path = folder.path().join(&file.name);
    std::fs::write(&path, &file.content).unwrap();
    let browser = Browser::start(Look::default()).await;
    fill_in(&browser, &front, &path.display().to_string()).await;
    for web in &mut front.webs {
        web.kill().await;
    }
    browser.press("main form .send button").await;
    wait_for("what stands beside the button", async || {
        let said = browser.text(".send [role=status]").await;
        said.contains("press the button again").then_some(())
    })
    .await;
    assert!(!browser.text(".send [role=status]").await.contains("reload"), "reloading would lose what was typed");
    assert_eq!(browser.value("last_name").await, "Rakoto");
    for web in &mut front.webs {
        web.start_again().await;
    }
    browser.press("main form .send button").await;
    is_registered_once(&browser, &front, &file.content).await;
    browser.close().await;
}

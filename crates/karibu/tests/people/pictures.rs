//! The pictures in docs/screenshots: `ci/screenshots` makes them anew.

use testkit::browser::{Browser, Look};
use testkit::registrant::{Attached, Filled, Registrant};
use testkit::serve::{Served, wait_for};
use testkit::throttle::{Line, Throttle};

use crate::browser::fill_in_as_a_student;
use crate::engines::BINARY;

/// Largest picture in bytes.
const MOST: u64 = 150_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes to docs/screenshots: ci/screenshots"]
async fn pictures_for_the_documents() {
    let served = Served::start(BINARY, &[]).await;
    let line = Throttle::start(served.port(), Line { rate: 400_000, ..Line::default() });
    let after = Registrant::new(served.client(), &served.url(), "connect")
        .register(&Filled::sample("Mwangi").with("attendance", "onsite"), None)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("student-card.pdf");
    std::fs::write(&path, Attached::large_pdf("student-card.pdf", 10 << 20).content).unwrap();
    let path = path.display().to_string();
    for width in [360, 1280] {
        for dark in [false, true] {
            let browser = Browser::start(Look { width, dark, ..Look::default() }).await;
            let keep = async |name: &str| {
                assert_eq!(browser.axe().await, Vec::<String>::new(), "{name} {width} dark: {dark}");
                assert!(browser.overflow().await <= 0, "{name} scrolls sideways at {width}");
                let scheme = if dark { "dark" } else { "light" };
                let file = testkit::serve::root().join(format!("docs/screenshots/{name}-{width}-{scheme}.png"));
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, browser.page.screenshot().await.unwrap()).unwrap();
                let size = file.metadata().unwrap().len();
                assert!(size <= MOST, "{} has {size} bytes", file.display());
            };
            browser.open(&format!("{}/connect/?lang=en", served.url())).await;
            keep("event").await;
            browser.open(&format!("{}/connect/register?lang=en", served.url())).await;
            keep("form").await;
            browser.type_into("first_name", "Aïcha").await;
            browser.type_into("email", "aicha@").await;
            browser.press("main form button").await;
            wait_for("the form with its mistakes", async || browser.sees("[role=alert]").await.then_some(())).await;
            keep("problems").await;
            browser.open(&format!("https://localhost:{}/connect/register?lang=en", line.port())).await;
            fill_in_as_a_student(&browser, &path).await;
            browser.press("main form button").await;
            wait_for("progress", async || browser.text(".send [role=status]").await.contains("50% sent").then_some(()))
                .await;
            let show = "document.querySelector('.send').scrollIntoView({block: 'center'})";
            browser.page.execute(show, vec![]).await.unwrap();
            keep("upload").await;
            browser.open(&format!("{}{after}", served.url())).await;
            keep("after").await;
            browser.close().await;
        }
    }
}

//! A real browser: headless Chromium, driven by `WebDriver` (W3C) through chromedriver.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use fantoccini::wd::TimeoutConfiguration;
use fantoccini::{Client, ClientBuilder, Locator};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How a browser is set up.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Width of the window in CSS pixels.
    pub width: u32,
    /// Whether pages may run scripts.
    pub scripts: bool,
    /// Whether the person prefers dark pages.
    pub dark: bool,
    /// The preferred language, e.g. `fr`.
    pub language: &'static str,
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 1280, scripts: true, dark: false, language: "en" }
    }
}

/// A running browser with one window. Call [`Self::close`] at the end; its processes end with the test's in any case.
pub struct Browser {
    /// The `WebDriver` client.
    pub page: Client,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts chromedriver on a free port and a browser that takes self-signed certificates.
    pub async fn start(look: Look) -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder can be made");
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            // Chromium leaves folders of its own behind: they go with ours.
            .env("TMPDIR", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is installed (ci/setup)");
        let mut lines = BufReader::new(driver.stdout.take().expect("it was piped")).lines();
        let port = loop {
            let line = lines.next_line().await.expect("it can be read").expect("chromedriver starts");
            if let Some(rest) = line.split("started successfully on port ").nth(1) {
                break rest.trim_end_matches('.').to_owned();
            }
        };
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--force-prefers-reduced-motion".to_owned(),
            format!("--user-data-dir={}", profile.path().join("profile").display()),
            format!("--window-size={},900", look.width),
            format!("--lang={}", look.language),
        ];
        if look.dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let javascript = if look.scripts { 1 } else { 2 };
        let mut options = serde_json::json!({
            "args": arguments,
            "prefs": {
                "profile.managed_default_content_settings.javascript": javascript,
                "intl.accept_languages": look.language,
            },
        });
        // A window cannot be narrower than 500 px; a phone is emulated.
        if look.width < 500 {
            options["mobileEmulation"] =
                serde_json::json!({"deviceMetrics": {"width": look.width, "height": 740, "pixelRatio": 2.0}});
        }
        let capabilities = serde_json::json!({"acceptInsecureCerts": true, "goog:chromeOptions": options});
        let capabilities = capabilities.as_object().expect("it is an object").clone();
        let page = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("Chromium starts");
        Self { page, driver, _profile: profile }
    }

    /// Lets pages take so long to load; without it, five minutes.
    pub async fn be_patient(&self, patience: Duration) {
        let timeouts = TimeoutConfiguration::new(None, Some(patience), None);
        self.page.update_timeouts(timeouts).await.expect("timeouts can be set");
    }

    /// Opens an address.
    pub async fn open(&self, url: &str) {
        self.page.goto(url).await.expect("the page opens");
    }

    /// Types into the input of this name.
    pub async fn type_into(&self, name: &str, text: &str) {
        crate::discretion::keep(text);
        let input = self.page.find(Locator::Css(&format!("[name=\"{name}\"]"))).await.expect(name);
        input.send_keys(text).await.expect("it can be typed into");
    }

    /// Chooses the option of this value in a list, or the radio button or box of this name and value.
    pub async fn choose(&self, name: &str, value: &str) {
        let css =
            format!("select[name=\"{name}\"] option[value=\"{value}\"], input[name=\"{name}\"][value=\"{value}\"]");
        let option = self.page.find(Locator::Css(&css)).await.expect(&css);
        option.click().await.expect("it can be chosen");
    }

    /// Presses what this CSS selector finds.
    pub async fn press(&self, css: &str) {
        let button = self.page.find(Locator::Css(css)).await.expect(css);
        button.click().await.expect("it can be pressed");
    }

    /// The page's source as it is now.
    pub async fn source(&self) -> String {
        self.page.source().await.expect("the page has a source")
    }

    /// The text that a person sees in what this CSS selector finds first.
    pub async fn text(&self, css: &str) -> String {
        let element = self.page.find(Locator::Css(css)).await.expect(css);
        element.text().await.expect("it has a text")
    }

    /// What stands in the input of this name.
    pub async fn value(&self, name: &str) -> String {
        let input = self.page.find(Locator::Css(&format!("[name=\"{name}\"]"))).await.expect(name);
        input.prop("value").await.expect("it has a value").unwrap_or_default()
    }

    /// Whether what this CSS selector finds first can be seen.
    pub async fn sees(&self, css: &str) -> bool {
        match self.page.find(Locator::Css(css)).await {
            Ok(element) => element.is_displayed().await.unwrap_or(false),
            Err(_) => false,
        }
    }

    /// The address of the page.
    pub async fn address(&self) -> String {
        self.page.current_url().await.expect("it has an address").to_string()
    }

    /// Accessibility problems by axe-core (WCAG 2.2 A and AA), as `rule: selector` lines; empty is what we want.
    pub async fn axe(&self) -> Vec<String> {
        let script = crate::serve::root().join("target/tools/axe.min.js");
        let script = std::fs::read_to_string(&script).expect("axe-core is installed (ci/setup)");
        self.page.execute(&script, vec![]).await.expect("axe-core loads");
        let run = "const done = arguments[arguments.length - 1];
            axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
               .then(r => done(r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.target.join(' ')))));";
        let found = self.page.execute_async(run, vec![]).await.expect("axe-core runs");
        serde_json::from_value(found).expect("a list of lines")
    }

    /// Width of the page's content minus the window's: more than 0 means that a person must scroll sideways.
    pub async fn overflow(&self) -> i64 {
        let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        self.page.execute(script, vec![]).await.expect("it can be measured").as_i64().expect("a number")
    }

    /// Takes a picture of the whole page into `target/screenshots/{name}.png`.
    pub async fn picture(&self, name: &str) {
        let size = "const e = document.documentElement; return [e.clientWidth, Math.max(e.scrollHeight, 600)]";
        let size = self.page.execute(size, vec![]).await.expect("it can be measured");
        let (width, height) = (size[0].as_u64().unwrap_or(1280), size[1].as_u64().unwrap_or(900));
        if width >= 500 {
            let (width, height) = (width as u32, height.min(8000) as u32 + 140);
            self.page.set_window_size(width, height).await.expect("a window can be made larger");
        }
        let folder: PathBuf = crate::serve::root().join("target/screenshots");
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        let picture = self.page.screenshot().await.expect("a picture can be taken");
        std::fs::write(folder.join(format!("{name}.png")), picture).expect("the picture can be kept");
    }

    /// Closes the window and ends the driver.
    pub async fn close(mut self) {
        let _ = self.page.clone().close().await;
        let _ = self.driver.kill().await;
    }
}

//! A person who registers, as a value with verbs; speaks HTTP as a browser without JavaScript does.

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode};

/// Somebody who wants to register for an event.
#[derive(Clone)]
pub struct Registrant {
    client: Client,
    base: String,
    slug: String,
}

/// A form as it was opened: what its hidden inputs hold.
#[derive(Clone, Debug)]
pub struct OpenedForm {
    /// The submission id.
    pub submission_id: String,
    /// The signed token.
    pub form_token: String,
    /// Where it is sent.
    pub action: String,
}

/// A file to be attached.
#[derive(Clone, Debug)]
pub struct Attached {
    /// Name as the person's device has it.
    pub name: String,
    /// Type as the browser says.
    pub mime: String,
    /// Content.
    pub content: Vec<u8>,
}

/// Answers to a form: names and values in the order they are sent.
#[derive(Clone, Debug, Default)]
pub struct Filled(pub Vec<(String, String)>);

impl Filled {
    /// A complete set of answers to the sample event for somebody with this last name; unique by a counter.
    pub fn sample(last_name: &str) -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        let n = COUNTER.fetch_add(1, Ordering::Relaxed);
        let answers = [
            ("title", ""),
            ("first_name", "Wanjiru"),
            ("last_name", last_name),
            ("email", &format!("person-{n}@example.org")),
            ("phone", "+254 712 345 678"),
            ("organization", "KENET"),
            ("position", "Network engineer"),
            ("country", "KE"),
            ("category", "delegate"),
            ("attendance", "online"),
            ("visa_letter", "no"),
            ("comments", ""),
            ("consent", "yes"),
        ];
        Self(answers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The same with another answer to one field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first answer to a field.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }
}

impl Registrant {
    /// Somebody at `base` (no slash at the end) who wants to register for `slug`.
    pub fn new(client: Client, base: &str, slug: &str) -> Self {
        Self { client, base: base.to_owned(), slug: slug.to_owned() }
    }

    /// Opens a path of the site.
    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).send().await.expect("the server answers")
    }

    /// Opens the form, in English.
    pub async fn open(&self) -> OpenedForm {
        let answer = self.get(&format!("/{}/register?lang=en", self.slug)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        OpenedForm::read(&answer.text().await.expect("a page"), &format!("/{}/register?lang=en", self.slug))
    }

    /// Opens the form, in English, on a server that may die while it answers, or be unable to.
    pub async fn try_open(&self) -> Option<OpenedForm> {
        let path = format!("/{}/register?lang=en", self.slug);
        let answer = self.client.get(format!("{}{path}", self.base)).send().await.ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        Some(OpenedForm::read(&answer.text().await.ok()?, &path))
    }

    /// Sends the form.
    pub async fn send(&self, form: &OpenedForm, filled: &Filled, file: Option<&Attached>) -> Response {
        self.try_send(form, filled, file).await.expect("the server answers")
    }

    /// Sends the form to a server that may die while it answers.
    pub async fn try_send(
        &self,
        form: &OpenedForm,
        filled: &Filled,
        file: Option<&Attached>,
    ) -> Result<Response, reqwest::Error> {
        let mut body =
            Form::new().text("submission_id", form.submission_id.clone()).text("form_token", form.form_token.clone());
        for (name, value) in &filled.0 {
            crate::discretion::keep(value);
            body = body.text(name.clone(), value.clone());
        }
        let part = match file {
            Some(file) => {
                crate::discretion::keep(&file.name);
                Part::bytes(file.content.clone()).file_name(file.name.clone()).mime_str(&file.mime)?
            }
            None => Part::bytes(Vec::new()).file_name("").mime_str("application/octet-stream")?,
        };
        body = body.part("attachment", part);
        self.client.post(format!("{}{}", self.base, form.action)).multipart(body).send().await
    }

    /// Opens the form, fills it in and sends it: gives the path of the page after.
    pub async fn register(&self, filled: &Filled, file: Option<&Attached>) -> String {
        let form = self.open().await;
        let answer = self.send(&form, filled, file).await;
        let status = answer.status();
        let to = location(&answer);
        let Some(to) = to else {
            let page = answer.text().await.expect("a page");
            panic!("not registered: {status} {page}");
        };
        assert_eq!(status, StatusCode::SEE_OTHER);
        to
    }
}

impl OpenedForm {
    /// Reads the hidden inputs of a page with a form.
    pub fn read(page: &str, action: &str) -> Self {
        let value = |name: &str| {
            let input = page.split("<input").find(|input| input.contains(&format!("name=\"{name}\""))).expect(name);
            let value = input.split("value=\"").nth(1).expect("it has a value");
            value.split('"').next().expect("it ends").to_owned()
        };
        Self { submission_id: value("submission_id"), form_token: value("form_token"), action: action.to_owned() }
    }
}

impl OpenedForm {
    /// The body that a browser sends (RFC 7578), its parts kept apart by `boundary`: the same bytes each time it is sent again.
    pub fn body(&self, filled: &Filled, file: Option<&Attached>, boundary: &str) -> Vec<u8> {
        let size = file.map_or(0, |file| file.content.len());
        let mut body = Vec::with_capacity(size + 4 * 1_024);
        let hidden = [("submission_id", &self.submission_id), ("form_token", &self.form_token)];
        let typed = filled.0.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in hidden.into_iter().chain(typed) {
            let part = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend(part.as_bytes());
        }
        let (name, mime) = file.map_or(("", "application/octet-stream"), |file| (&file.name, &file.mime));
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"attachment\"; filename=\"{name}\"\r\n\
             Content-Type: {mime}\r\n\r\n"
        );
        body.extend(head.as_bytes());
        body.extend(file.map(|file| file.content.as_slice()).unwrap_or_default());
        body.extend(format!("\r\n--{boundary}--\r\n").as_bytes());
        body
    }
}

impl Attached {
    /// A small PDF with this text in it, so that two of them differ.
    pub fn pdf(name: &str, text: &str) -> Self {
        let content = format!(
            "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n% {text}\n\
             trailer<</Root 1 0 R>>\n%%EOF\n"
        );
        Self { name: name.to_owned(), mime: "application/pdf".to_owned(), content: content.into_bytes() }
    }

    /// A PDF of `size` bytes with every byte value in it.
    pub fn large_pdf(name: &str, size: usize) -> Self {
        Self::pdf_of(name, size, 1)
    }

    /// A PDF of `size` bytes with every byte value in it, other ones for each `seed`.
    pub fn pdf_of(name: &str, size: usize, seed: u32) -> Self {
        let mut file = Self::pdf(name, "large");
        let mut state = seed;
        while file.content.len() < size {
            // A linear congruential generator (Numerical Recipes): bytes that no compression or line handling keeps by luck.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            file.content.push((state >> 24) as u8);
        }
        file
    }
}

/// The path of a redirect.
pub fn location(answer: &Response) -> Option<String> {
    answer.headers().get("location")?.to_str().ok().map(str::to_owned)
}

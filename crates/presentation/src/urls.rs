//! Typed URLs, shared by router, pages and mails, so that no link breaks silently.

use registration::ids::FileId;
use registration::language::Language;
use url::Url;

/// Makes absolute links; the only base is the public URL of the settings.
#[derive(Clone, Debug)]
pub struct Urls {
    base: Url,
}

impl Urls {
    /// With the public URL, whose path counts as `/`; a query, a fragment and a user name are left out.
    pub fn new(mut base: Url) -> Self {
        base.set_path("/");
        base.set_query(None);
        base.set_fragment(None);
        // These fail for URLs without a host only, which have neither.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        Self { base }
    }

    /// The public URL.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// An absolute link to a path made by the functions of this module. Whatever the path is, the link stays on the public
    /// URL's scheme, host and port: what would lead elsewhere (`//host`, `https:…`) gives the public URL.
    pub fn absolute(&self, path: &str) -> String {
        match self.base.join(path) {
            Ok(link) if path.starts_with('/') && link.origin() == self.base.origin() && link.username().is_empty() => {
                link.into()
            }
            _ => self.base.to_string(),
        }
    }
}

/// Page of an event.
pub fn event(slug: &str) -> String {
    format!("/{slug}/")
}

/// Form of an event.
pub fn register(slug: &str) -> String {
    format!("/{slug}/register")
}

/// Page after registering.
pub fn registered(slug: &str, token: &str) -> String {
    format!("/{slug}/registered/{token}")
}

/// Where a registrant adds or replaces attachments.
pub fn attachments(slug: &str, token: &str) -> String {
    format!("/{slug}/attachments/{token}")
}

/// Calendar file of an event.
pub fn calendar(slug: &str) -> String {
    format!("/{slug}/event.ics")
}

/// An organiser's view of a registration or of a list.
pub fn organizer(token: &str) -> String {
    format!("/organizer/{token}")
}

/// A file behind an organiser's link.
pub fn organizer_file(token: &str, file: FileId) -> String {
    format!("/organizer/{token}/files/{}", file.0)
}

/// The same path in a language.
pub fn in_language(path: &str, language: Language) -> String {
    let (path, fragment) = path.split_at(path.find('#').unwrap_or(path.len()));
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}lang={language}{fragment}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn urls(base: &str) -> Urls {
        Urls::new(base.parse().unwrap())
    }

    #[test]
    fn links_stand_on_the_public_url() {
        let urls = urls("https://register.example.org:8443/");
        assert_eq!(urls.absolute(&event("connect")), "https://register.example.org:8443/connect/");
        assert_eq!(
            urls.absolute(&in_language(&register("connect"), Language::Fr)),
            "https://register.example.org:8443/connect/register?lang=fr"
        );
        assert_eq!(
            urls.absolute(&organizer_file("a.b", FileId(uuid::Uuid::nil()))),
            "https://register.example.org:8443/organizer/a.b/files/00000000-0000-0000-0000-000000000000"
        );
    }

    #[test]
    fn the_public_url_is_only_scheme_host_and_port() {
        let urls = urls("https://user:secret@example.org/some/where?x=1#y");
        assert_eq!(urls.base().as_str(), "https://example.org/");
        assert_eq!(urls.absolute(&calendar("connect")), "https://example.org/connect/event.ics");
        assert_eq!(urls.absolute(&registered("connect", "t.s")), "https://example.org/connect/registered/t.s");
        assert_eq!(urls.absolute(&organizer("t.s")), "https://example.org/organizer/t.s");
    }

    #[test]
    fn a_path_that_leads_elsewhere_gives_the_public_url() {
        let urls = urls("https://example.org/");
        for path in [
            "//evil.example/x",
            "/\\evil.example/x",
            "\\\\evil.example",
            "https://evil.example/",
            "http://example.org/",
            "javascript:alert(1)",
            "mailto:a@example.org",
            "/\t/evil.example",
            "//user@example.org/",
            "",
            "connect/",
        ] {
            assert_eq!(urls.absolute(path), "https://example.org/", "{path:?}");
        }
    }

    #[test]
    fn the_language_goes_into_the_query() {
        assert_eq!(in_language("/connect/", Language::En), "/connect/?lang=en");
        assert_eq!(in_language("/connect/?x=1", Language::Fr), "/connect/?x=1&lang=fr");
        assert_eq!(in_language("/connect/#top", Language::Fr), "/connect/?lang=fr#top");
    }

    proptest! {
        #[test]
        fn no_path_ever_leaves_the_origin(path in ".*", slashes in "[/\\\\]{0,3}") {
            let urls = urls("https://example.org:8443/");
            let link: Url = urls.absolute(&format!("{slashes}{path}")).parse().unwrap();
            prop_assert_eq!(link.origin(), urls.base().origin());
            prop_assert_eq!(link.username(), "");
        }
    }
}

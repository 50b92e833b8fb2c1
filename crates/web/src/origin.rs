//! Whether a form was sent from one of our own pages.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};
use url::{Host, Url};

/// Where a POST comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From one of our own pages, or from something that says nothing, which no page of the web can make a browser do.
    Own,
    /// `Origin: null`: the browser hides it. It may be our own page in a browser with strict settings, or another site.
    Hidden,
    /// From another site.
    Foreign,
}

/// Judges by `Sec-Fetch-Site` (W3C Fetch Metadata), and by `Origin` (RFC 6454) compared with the public URL. When the
/// public URL is loopback nobody knows by which name the machine is reached (a phone says its LAN address), so then Origin
/// is compared with Host, which a foreign page cannot choose.
pub(crate) fn origin(headers: &HeaderMap, uri: &Uri, public_url: &Url) -> Origin {
    let site = headers.get("sec-fetch-site");
    if site.is_some_and(|site| site == "cross-site") {
        return Origin::Foreign;
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return Origin::Own };
    let (None, Ok(origin)) = (origins.next(), origin.to_str()) else { return Origin::Foreign };
    if origin == "null" {
        return if site.is_some_and(|site| site == "same-origin") { Origin::Own } else { Origin::Hidden };
    }
    let Ok(url) = Url::parse(origin) else { return Origin::Foreign };
    let own = if is_loopback(public_url) {
        let asked = host(headers, uri);
        let sent = origin.split_once("://").map(|(_, authority)| authority);
        matches!((asked, sent), (Some(asked), Some(sent)) if asked.eq_ignore_ascii_case(sent))
    } else {
        url.origin() == public_url.origin()
    };
    if own { Origin::Own } else { Origin::Foreign }
}

/// `Host`, or `:authority` of HTTP/2.
fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let authority = uri.authority().map(Authority::as_str);
    let host = || headers.get(header::HOST).and_then(|host| host.to_str().ok());
    authority.or_else(host).map(str::to_owned)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn foreign(public_url: &str, headers: &[(&'static str, &str)]) -> bool {
        judged(public_url, headers) != Origin::Own
    }

    fn judged(public_url: &str, headers: &[(&'static str, &str)]) -> Origin {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        origin(&map, &Uri::from_static("/connect/register"), &public_url.parse().unwrap())
    }

    #[test]
    fn what_comes_from_our_own_page_or_does_not_say_passes() {
        let public = "https://register.example.org";
        assert!(!foreign(public, &[]));
        assert!(!foreign(public, &[("origin", "null"), ("sec-fetch-site", "same-origin")]));
        assert_eq!(judged(public, &[("origin", "null")]), Origin::Hidden);
        assert!(!foreign(public, &[("origin", "https://register.example.org")]));
        assert!(!foreign(public, &[("origin", "https://register.example.org:443")]));
        assert!(!foreign(public, &[("sec-fetch-site", "same-origin")]));
        assert!(!foreign(public, &[("sec-fetch-site", "none"), ("host", "whatever")]));
    }

    #[test]
    fn what_comes_from_another_site_is_refused() {
        let public = "https://register.example.org";
        for origin in [
            "https://evil.example",
            "http://register.example.org",
            "https://register.example.org:8443",
            "https://register.example.org.evil.example",
            "https://example.org",
            "",
            "register.example.org",
            "NULL",
        ] {
            assert!(foreign(public, &[("origin", origin)]), "{origin:?}");
            // Host is what the client says, so it proves nothing where the public URL is known.
            assert!(foreign(public, &[("origin", origin), ("host", "evil.example")]), "{origin:?}");
        }
        assert!(foreign(public, &[("sec-fetch-site", "cross-site")]));
        assert!(foreign(public, &[("sec-fetch-site", "cross-site"), ("origin", "null")]));
        assert!(foreign(public, &[("origin", public), ("origin", "https://evil.example")]));
    }

    #[test]
    fn on_a_loopback_public_url_origin_is_compared_with_host() {
        for public in ["https://localhost:8443", "https://127.0.0.1:8443", "https://[::1]:8443"] {
            let passes = [("origin", "https://192.168.1.7:8443"), ("host", "192.168.1.7:8443")];
            assert!(!foreign(public, &passes));
            assert!(!foreign(public, &[("origin", "https://laptop.local"), ("host", "LAPTOP.local")]));
            assert!(foreign(public, &[("origin", "https://evil.example"), ("host", "localhost:8443")]));
            assert!(foreign(public, &[("origin", "https://localhost:9999"), ("host", "localhost:8443")]));
            assert!(foreign(public, &[("origin", "https://localhost:8443")]));
        }
    }

    #[test]
    fn http_2_names_the_host_in_the_uri() {
        let mut map = HeaderMap::new();
        map.insert("origin", HeaderValue::from_static("https://192.168.1.7:8443"));
        let uri = Uri::from_static("https://192.168.1.7:8443/connect/register");
        assert_eq!(origin(&map, &uri, &"https://localhost:8443".parse().unwrap()), Origin::Own);
    }
}

//! The score of a site's headers by the published table of Mozilla's HTTP Observatory (scoring chart of 2025), as far as it
//! can be told from one answer over https.
//!
//! Not told here: whether port 80 redirects to https (0 if it does or nothing listens there, -20 if not), whether the
//! certificate is trusted (-20 if not), and the HSTS preload list of browsers (+5).

/// Points of one test of the observatory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Points {
    /// What was looked at.
    pub test: &'static str,
    /// Added to the score.
    pub points: i32,
    /// What was found.
    pub found: &'static str,
}

/// An answer of the site.
pub struct Answer<'a> {
    /// Header names in lower case, with their values.
    pub headers: &'a [(String, String)],
    /// The page.
    pub body: &'a str,
}

/// What each test gives.
pub fn tests(answer: &Answer<'_>) -> Vec<Points> {
    let header = |name: &str| answer.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let csp = header("content-security-policy").map(Policy);
    vec![
        points("content-security-policy", policy(csp.as_ref())),
        points("cookies", cookies(answer)),
        points("cross-origin-resource-sharing", sharing(header("access-control-allow-origin"))),
        points("referrer-policy", referrer(header("referrer-policy"))),
        points("strict-transport-security", transport(header("strict-transport-security"))),
        points("subresource-integrity", integrity(answer.body, header("content-type"))),
        points("x-content-type-options", sniffing(header("x-content-type-options"))),
        points("x-frame-options", framing(csp.as_ref(), header("x-frame-options"))),
        points("cross-origin-resource-policy", resources(header("cross-origin-resource-policy"))),
    ]
}

/// The score: 100 and what the tests give; extra points only from 90 on.
pub fn score(tests: &[Points]) -> i32 {
    let (extra, lost): (Vec<_>, Vec<_>) = tests.iter().map(|test| test.points).partition(|points| *points > 0);
    let plain = 100 + lost.iter().sum::<i32>();
    if plain >= 90 { plain + extra.iter().sum::<i32>() } else { plain.max(0) }
}

fn points(test: &'static str, (points, found): (i32, &'static str)) -> Points {
    Points { test, points, found }
}

/// A Content-Security-Policy.
struct Policy<'a>(&'a str);

impl Policy<'_> {
    fn directive(&self, name: &str) -> Option<Vec<&str>> {
        let directives = self.0.split(';').map(|directive| directive.split_whitespace().collect::<Vec<_>>());
        directives.into_iter().find(|words| words.first() == Some(&name)).map(|words| words[1..].to_vec())
    }

    fn is(&self, name: &str, values: &[&str]) -> bool {
        self.directive(name).is_some_and(|sources| sources.len() == 1 && values.contains(&sources[0]))
    }
}

fn policy(csp: Option<&Policy<'_>>) -> (i32, &'static str) {
    let Some(csp) = csp else { return (-25, "none") };
    let unsafe_script = |name: &str| {
        let sources = csp.directive(name).or_else(|| csp.directive("default-src"));
        sources.is_none_or(|sources| {
            sources.iter().any(|source| matches!(*source, "'unsafe-inline'" | "data:" | "https:" | "http:" | "*"))
        })
    };
    if unsafe_script("script-src") || unsafe_script("object-src") {
        return (-20, "scripts or objects of anybody");
    }
    if csp.0.contains("http:") {
        return (-20, "http is allowed");
    }
    if csp.0.contains("'unsafe-eval'") {
        return (-10, "eval is allowed");
    }
    if unsafe_script("style-src") {
        return (0, "styles of anybody");
    }
    let own = ["'none'", "'self'"];
    if csp.is("default-src", &["'none'"]) && csp.is("base-uri", &own) && csp.is("form-action", &own) {
        (10, "default-src 'none', nothing unsafe")
    } else {
        (5, "nothing unsafe")
    }
}

fn cookies(answer: &Answer<'_>) -> (i32, &'static str) {
    let mut cookies = answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value).peekable();
    if cookies.peek().is_none() {
        return (0, "none");
    }
    let good = |cookie: &String| {
        let lower = cookie.to_lowercase();
        ["; secure", "; httponly", "; samesite="].iter().all(|attribute| lower.contains(attribute))
    };
    if cookies.all(good) { (5, "all Secure, HttpOnly, SameSite") } else { (-40, "not all safe") }
}

fn sharing(origin: Option<&str>) -> (i32, &'static str) {
    match origin {
        None => (0, "none"),
        Some("*") => (0, "public"),
        Some(_) => (-50, "with an origin"),
    }
}

fn referrer(policy: Option<&str>) -> (i32, &'static str) {
    match policy {
        Some("no-referrer" | "same-origin" | "strict-origin" | "strict-origin-when-cross-origin") => (5, "private"),
        None => (0, "none"),
        Some(_) => (-5, "not private"),
    }
}

fn transport(hsts: Option<&str>) -> (i32, &'static str) {
    let Some(hsts) = hsts else { return (-20, "none") };
    let age = hsts.split(';').find_map(|part| part.trim().strip_prefix("max-age=")?.parse::<u64>().ok());
    match age {
        // Six months, as the observatory counts them.
        Some(15_768_000..) => (0, "six months or more"),
        Some(_) => (-10, "too short"),
        None => (-20, "unreadable"),
    }
}

fn integrity(body: &str, media: Option<&str>) -> (i32, &'static str) {
    if !media.is_some_and(|media| media.starts_with("text/html")) {
        return (0, "no page");
    }
    let scripts: Vec<&str> =
        body.split("<script").skip(1).map(|rest| rest.split('>').next().unwrap_or_default()).collect();
    let foreign = |script: &&str| script.contains("src=\"http") || script.contains("src=\"//");
    if scripts.is_empty() {
        (0, "no scripts")
    } else if scripts.iter().any(|script| foreign(script) && !script.contains("integrity=")) {
        (-5, "foreign scripts without it")
    } else if scripts.iter().all(|script| script.contains("integrity=")) {
        (5, "all scripts have it")
    } else {
        (0, "own scripts without it")
    }
}

fn sniffing(options: Option<&str>) -> (i32, &'static str) {
    if options == Some("nosniff") { (0, "nosniff") } else { (-5, "none") }
}

fn framing(csp: Option<&Policy<'_>>, options: Option<&str>) -> (i32, &'static str) {
    match (csp.and_then(|csp| csp.directive("frame-ancestors")), options) {
        (Some(_), _) => (5, "by Content-Security-Policy"),
        (None, Some("DENY" | "SAMEORIGIN")) => (0, "by X-Frame-Options"),
        (None, _) => (-20, "none"),
    }
}

fn resources(policy: Option<&str>) -> (i32, &'static str) {
    match policy {
        Some("same-origin" | "same-site") => (10, "same origin or site"),
        None | Some("cross-origin") => (0, "none"),
        Some(_) => (-5, "unreadable"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(headers: &[(&str, &str)], body: &str) -> i32 {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        score(&tests(&Answer { headers: &headers, body }))
    }

    #[test]
    fn a_bare_page_loses_and_a_careful_one_gets_all_there_is() {
        assert_eq!(scored(&[("content-type", "text/html")], "<p>"), 100 - 25 - 20 - 5 - 20);
        let careful = [
            ("content-type", "text/html"),
            (
                "content-security-policy",
                "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            ),
            ("referrer-policy", "same-origin"),
            ("strict-transport-security", "max-age=63072000"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "same-origin"),
        ];
        assert_eq!(scored(&careful, "<p>"), 130);
        assert_eq!(scored(&careful, "<script src=\"/a.js\" integrity=\"sha256-x\"></script>"), 135);
        let unsafe_inline = [&careful[..], &[("x", "y")]].concat();
        let mut unsafe_inline = unsafe_inline;
        unsafe_inline[1].1 = "default-src 'none'; script-src 'unsafe-inline'; frame-ancestors 'none'";
        assert_eq!(scored(&unsafe_inline, "<p>"), 80, "below 90 nothing is added");
    }
}

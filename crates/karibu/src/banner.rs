//! What `serve` says when it is ready.

use url::Url;

use crate::columns::say;

/// What is worth knowing at start.
pub(crate) struct Banner<'a> {
    /// The base of links.
    pub(crate) public_url: &'a Url,
    /// Whether the certificate is one of ours.
    pub(crate) self_signed: bool,
    /// The folder of mails when they are files, and whether they can be read at `/mail/`.
    pub(crate) mails: Option<(String, bool)>,
    /// Where data is kept.
    pub(crate) data: String,
    /// URL of the private listener.
    pub(crate) ops_url: String,
    /// Whether the sample event is served while its organisers get no mail.
    pub(crate) silent_sample: bool,
}

impl Banner<'_> {
    /// Says it on standard output.
    pub(crate) fn print(&self) {
        for line in self.lines() {
            say(line);
        }
    }

    fn lines(&self) -> Vec<String> {
        let url = self.public_url;
        let mut lines = vec![
            format!("Karibu {} is ready. Ctrl-C ends it.", env!("CARGO_PKG_VERSION")),
            String::new(),
            format!("  Form    {url}"),
        ];
        if self.self_signed {
            lines.push("          The certificate is made by Karibu itself, so the browser warns once.".to_owned());
        }
        lines.push(match &self.mails {
            Some((folder, true)) => format!("  Mails   {url}mail/ (nothing is sent: they are files in {folder})"),
            Some((folder, false)) => format!("  Mails   files in {folder}; nothing is sent"),
            None => "  Mails   sent by SMTP".to_owned(),
        });
        if self.silent_sample {
            lines.push(
                "          The sample event's organisers get no mail: set KARIBU_ORGANIZERS to the addresses that shall."
                    .to_owned(),
            );
        }
        lines.push(format!("  Data    {}", self.data));
        lines.push(format!("  Health  {}/readyz", self.ops_url));
        lines.push(String::new());
        lines
    }
}

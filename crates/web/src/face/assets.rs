//! The style sheet, the script and the icon, compiled in.

/// The style sheet (`text/css; charset=utf-8`).
pub const CSS: &str = include_str!("../../static/karibu.css");

/// The script of the form (`text/javascript; charset=utf-8`), without indentation and comments. Nothing depends on it.
pub fn script() -> String {
    let lines = include_str!("../../static/karibu.js").lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

/// The icon (`image/svg+xml`).
pub const ICON: &str = include_str!("../../static/icon.svg");

/// Where the browser finds them: paths with a hash of the content in them, served as immutable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assets {
    /// Path of [`CSS`].
    pub css: String,
    /// Path of the [`script`].
    pub js: String,
    /// What the script must hash to for a browser to run it (Subresource Integrity): a cache on the way that was tampered
    /// with runs nothing.
    pub js_integrity: String,
    /// Path of [`ICON`].
    pub icon: String,
}

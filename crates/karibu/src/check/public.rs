//! Whether visitors reach us: `GET /version` through the public URL.

use url::Url;

use super::client::{Answer, Door};
use super::{Finding, found};
use crate::cli::COMMIT;
use crate::doors;
use crate::settings::{ServeSettings, Settings};

/// Looks at it.
pub(super) async fn look(settings: &Settings, serve: Option<&ServeSettings>) -> Finding {
    let finding = found("public address");
    let Some(serve) = serve else { return finding.skipped("the settings come first") };
    let url = match doors::public_url(serve, serve.listen) {
        Ok(url) => url,
        Err(refusal) => return finding.refusal(&refusal),
    };
    let Some(door) = Door::new(settings, serve, &url, None) else { return finding.skipped("it has no host") };
    if let Err(error) = tokio::net::lookup_host((door.host.as_str(), door.place.1)).await {
        return finding.fail(
            format!("{} has no address ({error})", door.host),
            "publish an A or AAAA record for it, or correct KARIBU_PUBLIC_URL",
        );
    }
    if let Err(why) = door.connect().await {
        return finding.fail(
            format!("{url}: {why}"),
            "start `karibu serve`, and let port and address through the firewall and the proxy in front",
        );
    }
    match door.get("/version").await {
        Ok(answer) => judge(finding, &url, &answer, settings),
        Err(why) => finding.fail(
            format!("{url} answers, but not as it should: {why}"),
            "see the certificate, and the proxy in front if there is one",
        ),
    }
}

fn judge(finding: Finding, url: &Url, answer: &Answer, settings: &Settings) -> Finding {
    let version = version(answer);
    let Some(commit) = version.as_ref().and_then(|version| version["commit"].as_str()) else {
        return finding.fail(
            format!("{url}version is answered by another program (status {})", answer.status),
            "see that KARIBU_PUBLIC_URL names this site, and what the proxy in front does",
        );
    };
    let instance = answer.instance().unwrap_or("an unnamed instance");
    if commit != COMMIT {
        let version = version.as_ref().and_then(|version| version["version"].as_str()).unwrap_or("?");
        return finding.warn(
            format!("{url} is answered by {instance} of another build, {version} ({commit})"),
            "if no upgrade is under way, see that the name leads to this machine",
        );
    }
    let other = if instance == settings.instance { "" } else { ", another than this one" };
    finding.ok(format!("{url} is answered by {instance}{other}"))
}

/// What `/version` says; `None` when another program answers there.
pub(super) fn version(answer: &Answer) -> Option<serde_json::Value> {
    serde_json::from_str(answer.body.trim()).ok().filter(|_| answer.status == 200)
}

//! Whether somebody would be told: of what breaks, when the mail relay is down, and when the whole host is.

use super::super::{Finding, found};
use super::parts::{Part, Watch};

/// The monitoring pings each 15 s, in seconds.
const SILENT: f64 = 45.0;

/// Three findings; none where no monitoring is expected.
pub(super) fn findings(parts: &[Part], demo: bool) -> Vec<Finding> {
    let notifiers = parts.iter().filter_map(|part| Some((&part.name, part.answer.as_ref().ok()?)));
    let watches: Vec<(&str, &Watch)> = notifiers
        .filter(|(_, report)| report.role == "notifier")
        .map(|(name, report)| (name.as_str(), &report.watch))
        .collect();
    let expected: Vec<_> = watches.iter().filter(|(_, watch)| watch.second_relay.is_some()).collect();
    if expected.is_empty() {
        return Vec::new();
    }
    let silent: Vec<&str> = expected
        .iter()
        .filter(|(_, watch)| [watch.pinged, watch.asked].iter().any(|heard| heard.is_none_or(|ago| ago > SILENT)))
        .map(|(name, _)| *name)
        .collect();
    let monitoring = found("monitoring");
    let monitoring = if silent.is_empty() {
        monitoring.ok("Prometheus asks and Alertmanager pings every notifier, so alerts are made and leave")
    } else {
        monitoring.fail(
            format!("it is not heard by {}: nobody is told when something breaks", silent.join(" and ")),
            "docker compose ps -a prometheus alertmanager; docker compose logs --tail 20 prometheus alertmanager; just after a start, wait a minute",
        )
    };
    let second = found("second relay");
    let second = match expected.iter().all(|(_, watch)| watch.second_relay == Some(true)) {
        true => second.ok("alerts leave by it, too, when the mail relay is down"),
        false if demo => second.skipped("the mails of a demo stay here"),
        false => second.warn(
            "none is set: while the mail relay is down, nobody is told of anything",
            "set KARIBU_ALERT_SMTP_URL to a relay of another provider",
        ),
    };
    let host = found("loss of this host");
    let host = match expected.iter().any(|(_, watch)| watch.host_watched == Some(true)) {
        true => host.ok("somebody outside watches"),
        false if demo => host.skipped("nobody has to watch a demo"),
        false => host.warn(
            "nobody outside would notice it",
            "run `karibu watch` on another machine (docs/watch.md), or set KARIBU_HEARTBEAT_URL",
        ),
    };
    vec![monitoring, second, host]
}

#[cfg(test)]
mod tests {
    use super::super::super::State;
    use super::super::parts::Report;
    use super::*;

    fn notifier(name: &str, watch: Watch) -> Part {
        let mut report = Report::default();
        (report.role, report.watch) = ("notifier".to_owned(), watch);
        Part { name: name.to_owned(), answer: Ok(report) }
    }

    fn states(parts: &[Part], demo: bool) -> Vec<State> {
        findings(parts, demo).iter().map(|finding| finding.state).collect()
    }

    #[test]
    fn who_is_not_watched_is_told() {
        let well = || Watch { pinged: Some(3.0), asked: Some(9.0), second_relay: Some(true), host_watched: Some(true) };
        let alone = || Watch { second_relay: Some(false), host_watched: Some(false), ..well() };
        assert_eq!(states(&[notifier("a", well()), notifier("b", well())], false), [State::Ok; 3]);
        assert_eq!(states(&[notifier("a", alone())], false), [State::Ok, State::Warn, State::Warn]);
        assert_eq!(states(&[notifier("a", alone())], true), [State::Ok, State::Skipped, State::Skipped]);
        for silent in [Watch { pinged: None, ..well() }, Watch { asked: Some(46.0), ..well() }] {
            let told = findings(&[notifier("a", well()), notifier("b", silent)], false);
            assert!(told[0].state == State::Fail && told[0].found.contains("by b:"), "{told:?}");
        }
        assert_eq!(findings(&[notifier("a", Watch::default())], false).len(), 0, "no monitoring is expected");
    }
}

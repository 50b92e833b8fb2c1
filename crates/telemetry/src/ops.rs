//! The private listener: `/healthz`, `/readyz`, `/metrics`. It is never reachable from outside.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Serialize;

use crate::metrics::Metrics;
use crate::parts::{Parts, Report};

/// Which process answers.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// What it does: `serve`, `web`, `notifier` or `mailbox`.
    pub role: &'static str,
    /// Its name.
    pub instance: String,
    /// Its version.
    pub version: &'static str,
    /// The commit that it was built from.
    pub commit: &'static str,
    /// Its clock.
    #[serde(skip)]
    pub now: fn() -> Timestamp,
}

/// What `/readyz` answers.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    about: &'a About,
    now: Timestamp,
    #[serde(flatten)]
    report: Report,
}

/// The pages of the private listener: `/healthz` answers 200 while the process lives, `/readyz` 200 or 503 with JSON by
/// part, `/metrics` the text format of Prometheus.
pub fn router(metrics: Metrics, parts: Parts, about: About) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz).with_state((parts, about)))
        .route("/metrics", get(render).with_state(metrics))
}

async fn readyz(State((parts, about)): State<(Parts, About)>) -> Response {
    let report = parts.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let answer = Answer { now: (about.now)(), about: &about, report };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

async fn render(State(metrics): State<Metrics>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;
    use crate::parts::Need;

    fn about() -> About {
        let now = || Timestamp::constant(1_800_000_000, 0);
        About { role: "web", instance: "web-1".to_owned(), version: "1", commit: "c", now }
    }

    async fn get(router: &Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readiness_is_told_by_part() {
        let parts = Parts::new();
        let database = parts.add("database", Need::Required);
        parts.add("mail", Need::Told).degraded(Timestamp::UNIX_EPOCH, "The relay does not answer.");
        let router = router(Metrics::new("1", "c"), parts.clone(), about());
        database.ok();
        let (status, body) = get(&router, "/readyz").await;
        assert_eq!(status, StatusCode::OK);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["ready"], true);
        assert_eq!([&body["role"], &body["instance"], &body["commit"]], ["web", "web-1", "c"]);
        assert_eq!(body["now"], "2027-01-15T08:00:00Z");
        assert_eq!(body["parts"]["database"]["state"], "ok");
        assert_eq!(body["parts"]["mail"]["what"], "The relay does not answer.");
        database.degraded(Timestamp::UNIX_EPOCH, "It is gone.");
        assert_eq!(get(&router, "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
        database.ok();
        parts.drain();
        assert_eq!(get(&router, "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(get(&router, "/healthz").await, (StatusCode::OK, "ok\n".to_owned()));
    }

    #[tokio::test]
    async fn metrics_are_served_as_text() {
        let router = router(Metrics::new("1", "c"), Parts::new(), about());
        let (status, body) = get(&router, "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("karibu_build_info{commit=\"c\",version=\"1\"} 1"), "{body}");
        assert_eq!(get(&router, "/").await.0, StatusCode::NOT_FOUND);
    }
}

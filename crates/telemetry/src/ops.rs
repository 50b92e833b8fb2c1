//! The private listener: `/healthz`, `/readyz`, `/metrics`. It is never reachable from outside.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::metrics::Metrics;
use crate::parts::Parts;

/// The pages of the private listener: `/healthz` answers 200 while the process lives, `/readyz` 200 or 503 with JSON by
/// part, `/metrics` the text format of Prometheus.
pub fn router(metrics: Metrics, parts: Parts) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz).with_state(parts))
        .route("/metrics", get(render).with_state(metrics))
}

async fn readyz(State(parts): State<Parts>) -> Response {
    let report = parts.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(report)).into_response()
}

async fn render(State(metrics): State<Metrics>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use jiff::Timestamp;
    use tower::ServiceExt;

    use super::*;
    use crate::parts::Need;

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
        let router = router(Metrics::new("1", "c"), parts.clone());
        database.ok();
        let (status, body) = get(&router, "/readyz").await;
        assert_eq!(status, StatusCode::OK);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["ready"], true);
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
        let router = router(Metrics::new("1", "c"), Parts::new());
        let (status, body) = get(&router, "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("karibu_build_info{commit=\"c\",version=\"1\"} 1"), "{body}");
        assert_eq!(get(&router, "/").await.0, StatusCode::NOT_FOUND);
    }
}

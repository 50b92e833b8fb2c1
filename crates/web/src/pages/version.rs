//! `GET /version`.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::json;

use crate::state::Web;

/// Version and commit as JSON.
pub(crate) async fn get(State(web): State<Web>) -> impl IntoResponse {
    let settings = &web.inner.settings;
    ([(header::CACHE_CONTROL, "no-store")], Json(json!({ "version": settings.version, "commit": settings.commit })))
}

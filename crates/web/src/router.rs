//! Which path is which page.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::routing::get;
use axum::{Extension, Router};

use crate::errors::PageError;
use crate::face::StatePage;
use crate::middleware;
use crate::pages::{assets, calendar, event, heartbeat, home, organizer, registration, version};
use crate::state::Web;
use crate::visit::Visit;

impl Web {
    /// All pages with everything around them. Serve it with `ConnectInfo<SocketAddr>`, so that trusted proxies are known.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(home::get))
            .route("/{event}", get(event::with_slash))
            .route("/{event}/", get(event::get))
            .route("/{event}/event.ics", get(calendar::get))
            .route("/{event}/register", get(registration::get::get).post(registration::post::post))
            .route("/{event}/registered/{token}", get(registration::registered::get))
            .route(
                "/{event}/attachments/{token}",
                get(registration::attachments::get).post(registration::attachments::post),
            )
            .route("/organizer/{token}", get(organizer::get))
            .route("/organizer/{token}/files/{file}", get(organizer::file))
            .route("/version", get(version::get))
            .route("/_check/heartbeat", get(heartbeat::get))
            .route("/static/{name}", get(assets::get))
            .route("/favicon.ico", get(assets::favicon))
            .route("/robots.txt", get(assets::robots))
            .fallback(not_found)
            .method_not_allowed_fallback(not_allowed)
            .layer(axum::middleware::from_fn_with_state(self.clone(), middleware::around))
            .with_state(self.clone())
    }
}

async fn not_found(Extension(visit): Extension<Arc<Visit>>) -> Response<Body> {
    PageError::not_found().answer(&visit)
}

async fn not_allowed(Extension(visit): Extension<Arc<Visit>>) -> Response<Body> {
    PageError::state(StatusCode::METHOD_NOT_ALLOWED, StatePage::MethodNotAllowed).answer(&visit)
}

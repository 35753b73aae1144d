//! What a server answers: protocols, API, console, and how it stands; on one listener, or the inner parts on their own.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use reportd_console::{Console, Parts};
use reportd_platform::limiter::Buckets;
use reportd_platform::random::SystemRandom;
use reportd_platform::web::{Problem, RequestIds, with_request_id};

use crate::kinds::OpenKinds;
use crate::running::Running;
use crate::settings::Settings;
use crate::{api, health, openapi};

/// The routers of a server.
pub(crate) struct Surface {
    /// What clients reach.
    pub(crate) public: Router,
    /// The console, the API and the metrics, where they have a listener of their own.
    pub(crate) inner: Option<Router>,
}

impl Surface {
    /// The routers over the open kinds of reports.
    pub(crate) fn new(
        settings: &Settings,
        open: &OpenKinds,
        buckets: &Buckets,
        running: &Arc<Running>,
    ) -> anyhow::Result<Self> {
        let ids = Arc::new(RequestIds::new(&SystemRandom)?);
        let whole = |router: Router| {
            let ids = Arc::clone(&ids);
            or_nothing(router).layer(from_fn_with_state(ids, with_request_id))
        };
        let api = open.api.clone().merge(api::routes(settings, running));
        let inner = health::metrics_routes(Arc::clone(running))
            .merge(console(settings, &api, buckets, running)?)
            .merge(api)
            .merge(openapi::routes(settings)?);
        let probes = || health::probe_routes(Arc::clone(running));
        let public = probes().merge(open.protocols.clone());
        Ok(if settings.server.admin_listen.is_empty() {
            Self {
                public: whole(public.merge(inner)),
                inner: None,
            }
        } else {
            Self {
                public: whole(public),
                inner: Some(whole(inner.merge(probes()))),
            }
        })
    }
}

/// Answers what no route takes.
fn or_nothing(router: Router) -> Router {
    router
        .fallback(|| async { Problem::not_found("there is nothing at this path") })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
}

/// The pages for people, over the API.
fn console(
    settings: &Settings,
    api: &Router,
    buckets: &Buckets,
    running: &Arc<Running>,
) -> anyhow::Result<Router> {
    if !settings.console.enabled {
        return Ok(Router::new());
    }
    let console = Console::new(Parts {
        directory: Arc::clone(&running.directory),
        api: or_nothing(api.clone()),
        clock: Arc::clone(&running.clock),
        random: Arc::new(SystemRandom),
        buckets: buckets.clone(),
        logins_per_minute: settings.console.logins_per_minute,
        secure_cookies: settings.console.secure_cookies || settings.server.has_tls(),
    })?;
    Ok(reportd_console::routes(console))
}

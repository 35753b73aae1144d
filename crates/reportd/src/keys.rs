//! API keys as commands and the API show them.

use reportd_platform::access::ListedKey;
use reportd_platform::secret::Secret;
use serde::Serialize;
use utoipa::ToSchema;

/// An API key, without its text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = manage::Key)]
pub(crate) struct ShownKey {
    /// Its name.
    #[schema(example = "dashboard")]
    pub(crate) name: String,
    /// ingest, viewer, moderator, lead or admin.
    #[schema(example = "viewer")]
    pub(crate) role: &'static str,
    /// The only app that it may touch; null where it may touch all.
    #[schema(required, example = "bots")]
    pub(crate) app_id: Option<String>,
    /// The only categories whose tickets it may touch; null where it may touch all.
    #[schema(required)]
    pub(crate) categories: Option<Vec<String>>,
    /// When it was made, in ms since 1970.
    #[schema(example = 1_795_233_600_000_i64)]
    pub(crate) created_at: i64,
    /// When it was revoked, in ms; null where it is in force.
    #[schema(required)]
    pub(crate) revoked_at: Option<i64>,
}

impl From<ListedKey> for ShownKey {
    fn from(listed: ListedKey) -> Self {
        Self {
            name: listed.key.name,
            role: listed.key.role.name(),
            app_id: listed.app_id,
            categories: listed.key.categories,
            created_at: listed.created_at_ms,
            revoked_at: listed.revoked_at_ms,
        }
    }
}

/// A key that was just made: the only place where its text is told.
#[derive(Serialize, ToSchema)]
#[schema(as = manage::IssuedKey)]
pub(crate) struct IssuedKey {
    /// Its name.
    #[schema(example = "dashboard")]
    name: String,
    /// Its role.
    #[schema(example = "viewer")]
    role: &'static str,
    /// The only app that it may touch.
    #[schema(required, example = "bots")]
    app_id: Option<String>,
    /// Its text.
    #[schema(example = "rk_…")]
    key: String,
    /// The only categories whose tickets it may touch, where it is limited to some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    categories: Vec<String>,
}

impl IssuedKey {
    pub(crate) fn new(new: &reportd_platform::access::NewKey<'_>, text: &Secret) -> Self {
        Self {
            name: new.name.to_owned(),
            role: new.role.name(),
            app_id: new.app_id.map(str::to_owned),
            key: text.reveal().to_owned(),
            categories: new.categories.to_vec(),
        }
    }
}

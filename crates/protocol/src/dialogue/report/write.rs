//! Writes a report as a client sends it, `users` and `infos` at the top level.

use serde_json::{Map, Value, json};

use super::{Info, Report, User};

impl Report<'_> {
    /// The JSON text, to be encrypted.
    #[must_use]
    pub fn write(&self) -> String {
        let mut report = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                report.insert(name.to_owned(), value);
            }
        };
        put("uniqid", json!(self.uniqid));
        put("report_id", json!(self.report_id));
        put("category", json!(self.category));
        put("redirect", json!(self.redirect));
        put("timestamp", json!(self.timestamp_ms));
        let evidence = &self.evidence;
        let evidence = json!({"reason": evidence.reason, "images": evidence.images});
        put("report_evidence", evidence);
        let user = |user: &User<'_>| {
            let value = json!({"name": user.name, "avatar": user.avatar, "sex": user.sex});
            (user.key.clone(), value)
        };
        put(
            "users",
            Value::Object(self.users.iter().map(user).collect()),
        );
        put("infos", self.infos.iter().map(write_info).collect());
        Value::Object(report).to_string()
    }
}

fn write_info(info: &Info<'_>) -> Value {
    let mut value = json!({
        "id": info.id,
        "type": info.kind.name(),
        "content": info.content,
        "time": info.time_ms,
    });
    if let Some(tag) = &info.tag {
        value["tag"] = json!(tag);
    }
    value
}

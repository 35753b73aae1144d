//! Replies: `{"ec": …, "em": …, "wt": …, "timesec": …, "data": {…}}`, always with HTTP status 200.

use serde_json::{Value, json};

use super::refusal::Refusal;

/// The `ec` of a success, unless the app's `success_ec` says another.
pub const SUCCESS_EC: i64 = 0;

/// The other `ec` of a success in the source.
pub const OTHER_SUCCESS_EC: i64 = 200;

/// What a reply says of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyTime {
    /// For how long the server worked, in microseconds.
    pub work_us: u64,
    /// Now, in seconds since 1970.
    pub now_s: i64,
}

/// The reply to an accepted report.
#[must_use]
pub fn success_reply(success_ec: i64, ticket_id: &str, time: ReplyTime) -> String {
    write(
        success_ec,
        "success",
        time,
        &json!({"ticket_id": ticket_id}),
    )
}

impl Refusal {
    /// The reply to a refused report.
    #[must_use]
    pub fn reply(&self, time: ReplyTime) -> String {
        write(self.code.code(), &self.em, time, &json!({}))
    }
}

fn write(ec: i64, em: &str, time: ReplyTime, data: &Value) -> String {
    let (seconds, micros) = (time.work_us / 1_000_000, time.work_us % 1_000_000);
    let now_s = time.now_s;
    let em = Value::from(em);
    format!(r#"{{"ec":{ec},"em":{em},"wt":{seconds}.{micros:06},"timesec":{now_s},"data":{data}}}"#)
}

/// A reply as a client reads it, of this server or another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What became of the report.
    pub ec: i64,
    /// `success`, or what is wrong.
    pub em: String,
    /// The ticket of an accepted report.
    pub ticket_id: Option<String>,
}

impl Reply {
    /// Reads a reply; `None` if it is not a JSON object with an integer `ec`.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let reply: Value = serde_json::from_slice(body).ok()?;
        let ticket_id = match &reply["data"]["ticket_id"] {
            Value::String(id) => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        };
        Some(Self {
            ec: reply["ec"].as_i64()?,
            em: reply["em"].as_str().unwrap_or_default().to_owned(),
            ticket_id,
        })
    }

    /// Whether it is a success with 0 or 200; apps may set another.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        matches!(self.ec, SUCCESS_EC | OTHER_SUCCESS_EC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::Code;

    const TIME: ReplyTime = ReplyTime {
        work_us: 101_000,
        now_s: 1_574_767_721,
    };

    #[test]
    fn replies_are_those_of_the_source() {
        let reply = success_reply(SUCCESS_EC, "35474574", TIME);
        assert_eq!(
            reply,
            r#"{"ec":0,"em":"success","wt":0.101000,"timesec":1574767721,"data":{"ticket_id":"35474574"}}"#
        );
        let read = Reply::decode(reply.as_bytes()).unwrap();
        assert!(read.is_ok());
        assert_eq!(read.ticket_id.as_deref(), Some("35474574"));
        let example = br#"{ "ec": 200, "em": "success", "wt": 0.101, "data": [] }"#;
        assert!(Reply::decode(example).unwrap().is_ok());
        assert_eq!(Reply::decode(b"[]"), None);
    }

    #[test]
    fn a_refusal_has_empty_data() {
        for code in Code::ALL {
            let reply = Refusal::from(code).reply(TIME);
            assert!(reply.ends_with(r#","data":{}}"#), "{reply}");
            let read = Reply::decode(reply.as_bytes()).unwrap();
            assert_eq!(Code::from_code(read.ec), Some(code));
            assert_eq!((read.em.as_str(), read.is_ok()), (code.default_em(), false));
        }
    }
}

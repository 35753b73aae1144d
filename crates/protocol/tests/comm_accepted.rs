//! Requests that must be accepted, kept as data: those of the seed, and what known clients make of
//! them.

use std::collections::HashMap;

use reportd_protocol::comm::{Operation, parse, standard_operations};
use serde::Deserialize;
use serde_json::value::RawValue;

const CASES: &str = include_str!("data/comm-accepted.jsonl");

#[derive(Deserialize)]
struct Case<'a> {
    name: String,
    items: usize,
    unknown: u32,
    #[serde(borrow)]
    request: &'a RawValue,
}

#[test]
fn recorded_requests_are_accepted_by_the_standard_operations() {
    let operations: HashMap<i64, Operation> = standard_operations()
        .into_iter()
        .map(|operation| (operation.oper_id, operation))
        .collect();
    for line in CASES.lines() {
        let case: Case<'_> = serde_json::from_str(line).unwrap();
        let name = &case.name;
        let report = parse(case.request.get().as_bytes())
            .unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(report.items.len(), case.items, "{name}");
        assert_eq!(report.unknown_fields, case.unknown, "{name}");
        assert_eq!(report.ts_ms / 1_000_000, 1_763_700, "{name}");
        for (index, item) in report.items.iter().enumerate() {
            assert_eq!(
                operations[&item.oper_id].check(item, index),
                Ok(()),
                "{name}"
            );
        }
    }
}

//! Brands inside `gt` (品牌报表): the ten with the most sent, and the rest as `others`.

use super::figures::Figures;
use crate::push::json::Object;

/// How many brands are shown by name (`seed push-report`).
pub const MAX_BRANDS: usize = 10;

/// The key of the others (`seed push-report`).
pub const OTHER_BRANDS: &str = "others";

/// A brand of such a name cannot be told from what stands beside it: it counts among the others.
const RESERVED: [&str; 5] = [
    OTHER_BRANDS,
    "target_num",
    "receive_num",
    "display_num",
    "click_num",
];

/// Writes brands: by `target_num`, ties by name in the order of bytes; `others` only if there are
/// some.
pub(super) fn write_brands(
    object: &mut Object<'_>,
    brands: &[(String, Figures)],
    has_display: bool,
) {
    let is_reserved = |name: &str| RESERVED.contains(&name);
    let with_data = brands.iter().filter(|(_, figures)| !figures.is_empty());
    let (reserved, mut named): (Vec<_>, Vec<_>) =
        with_data.partition(|(name, _)| is_reserved(name));
    named.sort_unstable_by(|(name, one), (other_name, other)| {
        let by_target = other.target_num.cmp(&one.target_num);
        by_target.then_with(|| name.cmp(other_name))
    });
    let (shown, rest) = named.split_at(named.len().min(MAX_BRANDS));
    for (name, figures) in shown {
        object.object(name, |brand| figures.write(brand, has_display));
    }
    let mut others = Figures::default();
    for (_, figures) in rest.iter().chain(&reserved) {
        others.add(figures);
    }
    if !others.is_empty() {
        object.object(OTHER_BRANDS, |brand| others.write(brand, has_display));
    }
}

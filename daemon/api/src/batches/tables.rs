//! Tables that say which class gets which chute, made before the start: serpentine, by rules, or written out by a person.
//! Pure: classes and chutes in, a table or what is wrong out.
//!
//! *Serpentine.* The chutes stand in rows of `per_row`, in the order of the plant file. The first row is filled from its
//! beginning, the second from its end, and so on, as a person walks along them; orders in the sequence of intake.
//!
//! *Rules.* A rule has a regular expression and a list of chutes. The first rule that matches an order, by its number, by
//! an article or by a barcode of it, gives it the first chute of its list that is left. Orders without a rule get the
//! chutes no rule names, the order with the most pieces first.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};
use wcs_types::{ChuteId, JobSpec, OrderKey};

/// Bytes of a pattern.
pub(super) const PATTERN_SIZE_MAX: usize = 256;
/// Bytes of a pattern that was made ready.
const COMPILED_SIZE_MAX: usize = 1 << 20;

/// A class: an order, and what rules look at.
#[derive(Debug, Default)]
pub(super) struct Class {
    pub(super) order: OrderKey,
    pub(super) pieces: u64,
    pub(super) skus: BTreeSet<String>,
    pub(super) barcodes: BTreeSet<String>,
}

/// What the pattern of a rule is held against.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Field {
    Order,
    Sku,
    Barcode,
}

/// A rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) field: Field,
    pub(super) pattern: Regex,
    pub(super) chutes: Vec<ChuteId>,
}

pub(super) type Table = Vec<(OrderKey, ChuteId)>;

/// Why there is no table.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum NoTable {
    #[error("{classes} orders need a chute, {chutes} are free")]
    TooFewChutes { classes: usize, chutes: usize },
    #[error("rule {number} has no chute left for order {}", order.number)]
    RuleFull { number: usize, order: OrderKey },
}

impl Rule {
    /// The pattern of a rule; `None` when it is none, or too large.
    pub(super) fn pattern(text: &str) -> Option<Regex> {
        if text.is_empty() || text.len() > PATTERN_SIZE_MAX {
            return None;
        }
        RegexBuilder::new(text).size_limit(COMPILED_SIZE_MAX).build().ok()
    }

    fn matches(&self, class: &Class) -> bool {
        match self.field {
            Field::Order => self.pattern.is_match(&class.order.number),
            Field::Sku => class.skus.iter().any(|sku| self.pattern.is_match(sku)),
            Field::Barcode => class.barcodes.iter().any(|barcode| self.pattern.is_match(barcode)),
        }
    }
}

/// The classes of jobs, in the order of their first job. Barcodes are all codes of the jobs.
pub(super) fn classes_of(jobs: &[JobSpec]) -> Vec<Class> {
    let mut places: BTreeMap<&OrderKey, usize> = BTreeMap::new();
    let mut classes: Vec<Class> = Vec::new();
    for job in jobs {
        let place = *places.entry(&job.order).or_insert_with(|| {
            classes.push(Class { order: job.order.clone(), ..Class::default() });
            classes.len() - 1
        });
        let class = &mut classes[place];
        class.pieces += u64::from(job.quantity.0);
        class.skus.insert(job.sku.code.clone());
        class.barcodes.extend(job.codes.iter().map(ToString::to_string));
    }
    classes
}

/// Classes in their sequence along rows of chutes that are walked to and fro.
pub(super) fn serpentine(classes: &[Class], chutes: &[ChuteId], per_row: usize) -> Result<Table, NoTable> {
    let rows = chutes.chunks(per_row.max(1)).enumerate();
    let along = rows.flat_map(|(row, chutes)| -> Vec<ChuteId> {
        if row.is_multiple_of(2) { chutes.to_vec() } else { chutes.iter().rev().copied().collect() }
    });
    let along: Vec<ChuteId> = along.collect();
    let orders: Vec<&OrderKey> = classes.iter().map(|class| &class.order).collect();
    paired(&orders, &along)
}

/// Classes by the first rule that matches; the others by volume over the chutes no rule names.
pub(super) fn by_rules(classes: &[Class], chutes: &[ChuteId], rules: &[Rule]) -> Result<Table, NoTable> {
    let usable: BTreeSet<ChuteId> = chutes.iter().copied().collect();
    let named: BTreeSet<ChuteId> = rules.iter().flat_map(|rule| rule.chutes.iter().copied()).collect();
    let mut taken = BTreeSet::new();
    let (mut table, mut rest) = (Vec::with_capacity(classes.len()), Vec::new());
    for class in classes {
        let Some((at, rule)) = rules.iter().enumerate().find(|(_, rule)| rule.matches(class)) else {
            rest.push(class);
            continue;
        };
        let left = rule.chutes.iter().find(|chute| usable.contains(chute) && !taken.contains(*chute));
        let full = || NoTable::RuleFull { number: at + 1, order: class.order.clone() };
        let chute = *left.ok_or_else(full)?;
        taken.insert(chute);
        table.push((class.order.clone(), chute));
    }
    let free: Vec<ChuteId> = chutes.iter().copied().filter(|chute| !named.contains(chute)).collect();
    // Equal volumes stay in the sequence of intake.
    rest.sort_by_key(|class| std::cmp::Reverse(class.pieces));
    let rest: Vec<&OrderKey> = rest.into_iter().map(|class| &class.order).collect();
    table.append(&mut paired(&rest, &free)?);
    Ok(table)
}

fn paired(orders: &[&OrderKey], chutes: &[ChuteId]) -> Result<Table, NoTable> {
    if orders.len() > chutes.len() {
        return Err(NoTable::TooFewChutes { classes: orders.len(), chutes: chutes.len() });
    }
    Ok(orders.iter().zip(chutes).map(|(order, chute)| ((*order).clone(), *chute)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(number: &str, pieces: u64, sku: &str) -> Class {
        Class {
            order: OrderKey { owner: "-".into(), number: number.into() },
            pieces,
            skus: [sku.to_owned()].into(),
            barcodes: [format!("880{sku}")].into(),
        }
    }

    fn shown(table: Result<Table, NoTable>) -> Vec<(String, u16)> {
        table.unwrap().into_iter().map(|(order, chute)| (order.number, chute.0)).collect()
    }

    fn chutes(numbers: &[u16]) -> Vec<ChuteId> {
        numbers.iter().map(|number| ChuteId(*number)).collect()
    }

    #[test]
    fn a_serpentine_turns_at_the_end_of_each_row() {
        let classes: Vec<Class> = (0..7).map(|number| class(&number.to_string(), 1, "s")).collect();
        let table = shown(serpentine(&classes, &chutes(&[0, 1, 2, 3, 4, 5, 6, 7]), 3));
        let walked: Vec<u16> = table.iter().map(|(_, chute)| *chute).collect();
        assert_eq!(walked, [0, 1, 2, 5, 4, 3, 6]);
        let short = serpentine(&classes, &chutes(&[0, 1]), 3);
        assert_eq!(short, Err(NoTable::TooFewChutes { classes: 7, chutes: 2 }));
    }

    #[test]
    fn the_first_rule_that_matches_wins_and_the_rest_goes_by_volume() {
        let rule = |field, pattern: &str, to: &[u16]| Rule {
            field,
            pattern: Rule::pattern(pattern).unwrap(),
            chutes: chutes(to),
        };
        let rules = [
            rule(Field::Order, "^X", &[7, 6]),
            rule(Field::Sku, "frozen", &[5]),
            rule(Field::Barcode, "^880x", &[4]),
        ];
        let classes = [
            class("a", 1, "s"),
            class("X1", 1, "frozen"),
            class("b", 9, "s"),
            class("c", 1, "frozen"),
            class("X2", 1, "s"),
            class("d", 9, "s"),
            class("e", 1, "x"),
        ];
        let table = shown(by_rules(&classes, &chutes(&[0, 1, 2, 3, 4, 5, 6, 7]), &rules));
        let expected = [("X1", 7), ("c", 5), ("X2", 6), ("e", 4), ("b", 0), ("d", 1), ("a", 2)]
            .map(|(o, c)| (o.to_owned(), c));
        assert_eq!(table, expected);
        let full = by_rules(&[class("X1", 1, "s"), class("X2", 1, "s")], &chutes(&[0, 7]), &rules);
        let order = OrderKey { owner: "-".into(), number: "X2".into() };
        assert_eq!(full, Err(NoTable::RuleFull { number: 1, order }));
    }

    #[test]
    fn patterns_are_bounded() {
        assert!(Rule::pattern("").is_none() && Rule::pattern("(").is_none());
        assert!(Rule::pattern(&"a".repeat(257)).is_none());
        assert!(Rule::pattern("(?:a{1000}){1000}").is_none());
    }
}

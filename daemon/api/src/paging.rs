//! Lists in pages: `?cursor=&limit=` in, `items` and `next_cursor` out. A cursor is opaque to clients: it names the
//! list it belongs to, so that one of another list is refused and not misread.

use serde::Serialize;
use utoipa::ToSchema;
use wcs_store::{PAGE_SIZE_MAX, PageAt};

use crate::problem::{Problem, ProblemCode};

/// Rows of a page where nothing is said.
const PAGE_SIZE: u32 = 100;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageOf<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Cursor of the next page; null on the last.
    pub next_cursor: Option<String>,
}

impl<T> PageOf<T> {
    /// A page of `list` as the store gave it.
    pub fn of<S>(list: &str, page: wcs_store::Page<S>, view: impl FnMut(S) -> T) -> Self {
        let next_cursor = page.next.map(|after| cursor_of(list, after));
        Self { items: page.items.into_iter().map(view).collect(), next_cursor }
    }
}

/// The cursor of what comes behind `after` in `list`.
pub fn cursor_of(list: &str, after: i64) -> String {
    format!("{list}.{after:x}")
}

/// Where in `list` a page begins; `start` is the place before its first row.
///
/// # Errors
/// The cursor is none of this list, or the limit is out of bounds.
pub fn page_at(list: &str, cursor: Option<&str>, limit: Option<u32>, start: i64) -> Result<PageAt, Problem> {
    let size = limit.unwrap_or(PAGE_SIZE);
    if !(1..=PAGE_SIZE_MAX).contains(&size) {
        return Err(Problem::new(ProblemCode::QueryInvalid)
            .with("cause", format!("limit must be 1 to {PAGE_SIZE_MAX}")));
    }
    let after = match cursor {
        None => start,
        Some(cursor) => after_of(list, cursor).ok_or_else(|| Problem::new(ProblemCode::CursorInvalid))?,
    };
    Ok(PageAt { after, size })
}

fn after_of(list: &str, cursor: &str) -> Option<i64> {
    let digits = cursor.strip_prefix(list)?.strip_prefix('.')?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if !digits.bytes().all(is_hex) {
        return None;
    }
    i64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_in_its_own_list_only() {
        let cursor = cursor_of("orders", 4_711);
        let at = page_at("orders", Some(&cursor), None, 0).unwrap();
        assert_eq!(at, PageAt { after: 4_711, size: 100 });
        for bad in [
            "",
            "orders",
            "orders.",
            "orders.-1",
            "orders.+1",
            "batches.1267",
            "orders.zz",
            "orders.fffffffffffffffff",
        ] {
            assert!(page_at("orders", Some(bad), None, 0).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_out_of_bounds_are_refused() {
        assert!(page_at("orders", None, Some(0), 0).is_err());
        assert!(page_at("orders", None, Some(501), 0).is_err());
        assert_eq!(page_at("orders", None, Some(500), -1).unwrap(), PageAt { after: -1, size: 500 });
    }
}

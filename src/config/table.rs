//! The table of directives: all themes in one row, and finding a directive by name.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::directive::Directive;
use super::theme;

/// Directives that belong together, as the example file groups them.
pub(super) struct Theme {
    /// The heading.
    pub title: &'static str,
    /// Its directives in the order of the example file.
    pub rows: &'static [Directive],
}

/// The place of a directive in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row(usize);

impl Row {
    pub fn index(self) -> usize {
        self.0
    }

    pub fn directive(self) -> &'static Directive {
        TABLE.rows[self.0]
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub row: Row,
    /// The name as the table has it: the directive's own or its alias.
    pub name: &'static str,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

struct Table {
    rows: Vec<&'static Directive>,
    names: HashMap<&'static str, Found>,
}

impl Table {
    fn new() -> Self {
        let rows: Vec<_> = theme::ALL.iter().flat_map(|theme| theme.rows).collect();
        let mut names = HashMap::with_capacity(rows.len() * 2);
        for (index, row) in rows.iter().enumerate() {
            for name in [Some(row.name), row.alias].into_iter().flatten() {
                names.insert(name, Found { row: Row(index), name });
            }
        }
        Table { rows, names }
    }
}

/// Every directive, in the order of the example file.
pub(super) fn rows() -> impl Iterator<Item = Row> {
    (0..TABLE.rows.len()).map(Row)
}

/// Every name and alias, in no order.
pub(super) fn names() -> impl Iterator<Item = Found> {
    TABLE.names.values().copied()
}

/// Finds a directive by its name or alias in any case.
pub(super) fn find(name: &[u8]) -> Option<Found> {
    let name = std::str::from_utf8(name).ok()?;
    TABLE.names.get(name.to_ascii_lowercase().as_str()).copied()
}

/// The directive of a name or alias in any case; tells a handler whether a value must not be logged.
pub fn directive(name: &[u8]) -> Option<&'static Directive> {
    find(name).map(|found| found.row.directive())
}

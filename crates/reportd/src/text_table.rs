//! Tables for people on a terminal.

/// Rows under a head, each column as wide as its widest cell. Columns are parted by two blanks.
pub(crate) fn text_table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(head)];
    lines.extend(
        rows.iter()
            .map(|row| line(std::array::from_fn(|at| row[at].as_str()))),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let table = text_table(
            ["app", "name"],
            &[["a".into(), "群组".into()], ["longer".into(), "x".into()]],
        );
        assert_eq!(table, "app     name\na       群组\nlonger  x");
    }
}

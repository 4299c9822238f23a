//! Text as HTML, XML and SVG take it.

/// The text, in which nothing is markup.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML knows no other control characters than these.
            letter if letter.is_control() && !matches!(letter, '\n' | '\t') => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A text as code.
pub(crate) fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// A table with a caption for those who hear it; the cells are markup.
pub(crate) fn table(caption: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let head: String = head.iter().map(|name| format!("<th scope=\"col\">{}</th>", escaped(name))).collect();
    let row = |cells: &Vec<String>| {
        let cells: Vec<String> =
            cells
                .iter()
                .enumerate()
                .map(|(at, cell)| {
                    if at == 0 {
                        format!("<th scope=\"row\">{cell}</th>")
                    } else {
                        format!("<td>{cell}</td>")
                    }
                })
                .collect();
        format!("<tr>{}</tr>\n", cells.concat())
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<table>\n<caption>{}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n",
        escaped(caption)
    )
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escaped("<a href='x'>\"&\u{7}\n"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp; \n");
    }
}

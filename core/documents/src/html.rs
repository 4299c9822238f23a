//! Text as HTML, XML and SVG take it, and what every page of HTML has: it stands by itself, with no script, no font and nothing that is
//! fetched; it is read on paper, on a phone and in the dark.

/// Most columns of a table that need no more room than a phone has.
const NARROW: usize = 3;
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#111;--quiet:#444;--paper:#fff;--head:#f1f3f5;--line:#adb5bd;--link:#1b5e9b;--differs:#fff3bf}\
@media screen and (prefers-color-scheme:dark){:root{--ink:#e9ecef;--quiet:#adb5bd;--paper:#16191c;--head:#24292e;--line:#495057;--link:#8cbcec;--differs:#4d4210}}\
body{font:16px/1.5 Arial,Helvetica,sans-serif;color:var(--ink);background:var(--paper);max-width:75rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}\
h1,h2,h3{line-height:1.2;margin:2rem 0 .75rem}a{color:var(--link)}small{color:var(--quiet)}\
code,pre{font-family:Consolas,Menlo,monospace;font-size:.875em}pre{background:var(--head);padding:1rem;overflow:auto}\
table{border-collapse:collapse;width:100%;margin:1rem 0}caption span{position:absolute;left:0;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\
th,td{border:1px solid var(--line);padding:.35rem .6rem;text-align:left;vertical-align:top}thead th{background:var(--head)}tbody th{font-weight:normal}\
.wide{overflow-x:auto;overflow-wrap:normal;margin:1rem 0}.wide table{min-width:48rem;margin:0}.even table{table-layout:fixed}.even th:nth-child(2){width:28%}\
.differs{background:var(--differs)}.draft{border:3px solid #d4351c;padding:.8rem 1rem;font-weight:bold}\
@media print{body{max-width:none;margin:0}a{color:inherit}tr{break-inside:avoid}}";

/// A whole page around its body, with what else its head holds.
pub(crate) fn page(title: &str, head: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n{head}\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escaped(title)
    )
}

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

/// A table, its caption for those who hear it; the cells are markup. One of many columns moves in itself where the screen is narrow.
pub(crate) fn table(caption: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let columns = head.len();
    let caption = escaped(caption);
    let head: String = head.iter().map(|name| format!("<th scope=\"col\">{}</th>", escaped(name))).collect();
    let rows: String = rows.iter().map(|cells| row(cells)).collect();
    let table = format!(
        "<table>\n<caption><span>{caption}</span></caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    );
    if columns <= NARROW {
        return table;
    }
    format!("<div class=\"wide\" role=\"group\" aria-label=\"{caption}\" tabindex=\"0\">\n{table}</div>\n")
}

fn row(cells: &[String]) -> String {
    let Some((first, others)) = cells.split_first() else { return String::new() };
    let others: String = others.iter().map(|cell| format!("<td>{cell}</td>")).collect();
    format!("<tr><th scope=\"row\">{first}</th>{others}</tr>\n")
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escaped("<a href='x'>\"&\u{7}\n"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp; \n");
    }
}

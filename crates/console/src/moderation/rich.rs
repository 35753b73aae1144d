//! Rich text of messages: a few marks are shown as such, every other mark as it was written.
//!
//! A message is evidence: nothing of it may be hidden, and nothing of it may act. So the outcome is no markup but pieces of
//! text, each with the names of its marks; the page escapes them as it does any text.

/// Most marks that stand within each other.
const MOST_DEEP: usize = 32;

/// A piece of a text with the marks it stands in, as classes of the style sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) marks: String,
}

/// What a mark does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// A class.
    Style(&'static str),
    /// A line begins and ends with it.
    Block,
    /// A new line.
    Break,
}

/// Reads a text that may be rich.
pub(super) fn read(text: &str) -> Vec<Piece> {
    if !is_rich(text) {
        return vec![Piece {
            text: text.to_owned(),
            marks: String::new(),
        }];
    }
    let mut pieces = Pieces::default();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&']) {
        pieces.push(&rest[..at]);
        rest = &rest[at..];
        let taken = tag(rest)
            .map(|(tag, length)| {
                pieces.take(tag);
                length
            })
            .or_else(|| {
                entity(rest).map(|(character, length)| {
                    pieces.push(character);
                    length
                })
            })
            .unwrap_or_else(|| {
                pieces.push(&rest[..1]);
                1
            });
        rest = &rest[taken..];
    }
    pieces.push(rest);
    pieces.list
}

/// A text in which no mark that is known stands is plain: its `&lt;` is what somebody wrote.
fn is_rich(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        if tag(rest).is_some() {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// A mark that begins or ends.
struct Tag {
    mark: Mark,
    is_end: bool,
}

/// The known mark in front of a text, and its length. One with an attribute is shown as written: it may be what matters.
fn tag(text: &str) -> Option<(Tag, usize)> {
    let inner = text.strip_prefix('<')?;
    let length = inner.bytes().take(16).position(|byte| byte == b'>')?;
    let inner = &inner[..length];
    let (inner, is_end) = match inner.strip_prefix('/') {
        Some(inner) => (inner, true),
        None => (inner, false),
    };
    let name = inner.trim_end_matches('/').trim().to_ascii_lowercase();
    let mark = match &*name {
        "b" | "strong" => Mark::Style("m-b"),
        "i" | "em" => Mark::Style("m-i"),
        "u" => Mark::Style("m-u"),
        "s" | "del" => Mark::Style("m-s"),
        "code" | "pre" => Mark::Style("m-code"),
        "p" | "div" | "li" | "ul" | "ol" | "blockquote" => Mark::Block,
        "br" => Mark::Break,
        _ => return None,
    };
    Some((Tag { mark, is_end }, length + 2))
}

fn entity(text: &str) -> Option<(&'static str, usize)> {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", "\u{a0}"),
    ]
    .into_iter()
    .find(|(name, _)| text.starts_with(name))
    .map(|(name, character)| (character, name.len()))
}

#[derive(Default)]
struct Pieces {
    list: Vec<Piece>,
    open: Vec<&'static str>,
}

impl Pieces {
    fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let marks = self.open.join(" ");
        match self.list.last_mut() {
            Some(last) if last.marks == marks => last.text.push_str(text),
            _ => self.list.push(Piece {
                text: text.to_owned(),
                marks,
            }),
        }
    }

    fn take(&mut self, tag: Tag) {
        match tag.mark {
            Mark::Break => self.push("\n"),
            Mark::Block => {
                let is_begun = self
                    .list
                    .last()
                    .is_some_and(|last| !last.text.ends_with('\n'));
                if is_begun {
                    self.push("\n");
                }
            }
            Mark::Style(class) if tag.is_end => {
                if let Some(at) = self.open.iter().rposition(|open| *open == class) {
                    self.open.remove(at);
                }
            }
            Mark::Style(class) if self.open.len() < MOST_DEEP && !self.open.contains(&class) => {
                self.open.push(class);
            }
            Mark::Style(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let piece = |piece: Piece| match &*piece.marks {
            "" => piece.text,
            marks => format!("[{marks}:{}]", piece.text),
        };
        read(text).into_iter().map(piece).collect()
    }

    #[test]
    fn known_marks_are_marks_and_all_others_stay_as_written() {
        for (text, expected) in [
            ("a < b && c &lt; d", "a < b && c &lt; d"),
            ("<b>加</b>我", "[m-b:加]我"),
            ("<b>x<i>y</b>z", "[m-b:x][m-b m-i:y][m-i:z]"),
            (
                "<p>one</p><p>two<br>three &lt;3</p>",
                "one\ntwo\nthree <3\n",
            ),
            (
                "<b>x</b><script>alert(1)</script>",
                "[m-b:x]<script>alert(1)</script>",
            ),
            ("<b onclick=x>y</b>", "<b onclick=x>y"),
            ("<b>&#x3c;", "[m-b:&#x3c;]"),
            ("<a href=\"http://x\">y</a>", "<a href=\"http://x\">y</a>"),
            ("<", "<"),
            ("<b", "<b"),
            ("<é>", "<é>"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn many_marks_cost_no_more_than_their_length() {
        let deep = "<b><i><u>".repeat(50_000);
        assert_eq!(read(&deep), []);
        assert!(read(&"<".repeat(200_000)).len() == 1);
    }
}

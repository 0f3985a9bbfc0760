//! Rust source reduced to what a textual rule may judge: comments, strings and characters blanked, and
//! optionally the test modules too. Line numbers stay what they were. It is no parser and judges nothing.

/// `text` with the inside of comments, strings and character literals replaced by spaces.
pub(crate) fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => find(bytes, at, b"\n"),
            b'/' if bytes[at..].starts_with(b"/*") => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at + 1),
            b'r' if is_raw_string(bytes, at) => raw_string_end(bytes, at),
            b'\'' => character_end(bytes, at),
            _ => at,
        };
        if end == at {
            out.push(bytes[at]);
            at += 1;
        } else {
            out.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8(out).expect("whole literals and comments were replaced by ASCII")
}

/// `code` (already without comments and strings) with every `#[cfg(test)] mod … { … }` blanked.
pub(crate) fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        let (before, tail) = rest.split_at(start);
        out.push_str(before);
        let length = item_length(tail);
        out.extend(tail[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &tail[length..];
    }
    out.push_str(rest);
    out
}

/// Length of the item that starts `text`: to its semicolon, or to the brace that closes it.
fn item_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (index, character) in text.char_indices() {
        match character {
            ';' if depth == 0 => return index + 1,
            '{' => depth += 1,
            '}' if depth <= 1 => return index + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> usize {
    let tail = &bytes[from..];
    tail.windows(what.len()).position(|window| window == what).map_or(bytes.len(), |offset| from + offset)
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn is_raw_string(bytes: &[u8], at: usize) -> bool {
    let is_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    let is_byte_string = at > 0 && bytes[at - 1] == b'b';
    let after = bytes[at + 1..].iter().find(|byte| **byte != b'#');
    (!is_word || is_byte_string) && after == Some(&b'"')
}

fn raw_string_end(bytes: &[u8], at: usize) -> usize {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let open_end = at + 2 + hashes;
    (find(bytes, open_end.min(bytes.len()), &close) + close.len()).min(bytes.len())
}

/// End of a character literal, or `start` itself where the quote begins a lifetime.
fn character_end(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start + 1) {
        Some(b'\\') => (find(bytes, start + 3, b"'") + 1).min(bytes.len()),
        Some(first) => {
            let width = match first {
                0..0xC0 => 1,
                0xC0..0xE0 => 2,
                0xE0..0xF0 => 3,
                _ => 4,
            };
            let close = start + 1 + width;
            if bytes.get(close) == Some(&b'\'') { close + 1 } else { start }
        }
        None => start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        code_only(text).split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn comments_strings_and_characters_are_blanked() {
        assert_eq!(words("a // b\nc"), ["a", "c"]);
        assert_eq!(words("a /* b /* c */ d */ e"), ["a", "e"]);
        assert_eq!(words(r#"a "b \" c" d"#), ["a", "d"]);
        assert_eq!(words("a r#\"b \" c\"# d"), ["a", "d"]);
        assert_eq!(words(r"a '\'' b '{' c 'é' d"), ["a", "b", "c", "d"]);
        assert_eq!(words(r#"a "unclosed"#), ["a"]);
    }

    #[test]
    fn lifetimes_and_line_numbers_stay() {
        assert_eq!(words("fn f<'a>(x: &'a str)"), ["fn", "f<'a>(x:", "&'a", "str)"]);
        assert_eq!(code_only("\"a\nb\"\nc").lines().nth(2), Some("c"));
    }

    #[test]
    fn test_modules_are_blanked_whole_and_nothing_else() {
        let code = "one\n#[cfg(test)]\nmod tests {\n fn f() { two }\n}\nthree\n#[cfg(test)]\nmod four;\nfive";
        let left: Vec<String> = without_tests(code).split_whitespace().map(str::to_owned).collect();
        assert_eq!(left, ["one", "three", "five"]);
        assert_eq!(without_tests(code).lines().count(), code.lines().count());
    }
}

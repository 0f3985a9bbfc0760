//! Commands of a page as a reader would run them: the fenced blocks of one section. A block `sh` is run, a block `text`
//! behind it is what it shows, line by line; `…` in such a line stands for anything.

use anyhow::{Context, Result, bail, ensure};

/// Written between the blocks of a script, so that its output can be cut.
const MARK: &str = "=== block ";
/// Stands for anything in a shown line.
const ANYTHING: char = '…';

/// One block of commands with the lines it is shown to write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Block {
    /// The commands.
    pub commands: String,
    /// What is shown behind them.
    pub shown: Vec<String>,
}

/// The blocks under the heading that is `heading` up to the next heading.
///
/// # Errors
/// There is no such section, or it has no commands, or a block is not closed.
pub fn blocks(page: &str, heading: &str) -> Result<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut is_inside, mut fence): (bool, Option<(&str, Vec<&str>)>) = (false, None);
    for line in page.lines() {
        match (line.strip_prefix("```"), fence.take()) {
            (Some(word), None) => fence = Some((word, Vec::new())),
            (Some(_), Some((word, lines))) if is_inside => add(&mut blocks, word, &lines)?,
            (None, Some((word, mut lines))) => {
                lines.push(line);
                fence = Some((word, lines));
            }
            (None, None) if line.starts_with('#') => is_inside = line == heading,
            _ => {}
        }
    }
    ensure!(fence.is_none(), "a block is not closed");
    ensure!(!blocks.is_empty(), "no commands under `{heading}`");
    Ok(blocks)
}

fn add(blocks: &mut Vec<Block>, word: &str, lines: &[&str]) -> Result<()> {
    match word {
        "sh" => blocks.push(Block { commands: lines.join("\n"), shown: Vec::new() }),
        "text" => {
            let block = blocks.last_mut().context("something is shown before any command")?;
            block.shown.extend(lines.iter().map(|line| (*line).to_owned()));
        }
        other => bail!("a block is neither sh nor text but `{other}`"),
    }
    Ok(())
}

/// All blocks as one script that ends at the first command that fails.
pub fn script(blocks: &[Block]) -> String {
    let mut script = String::from("set -eu\n");
    for (number, block) in blocks.iter().enumerate() {
        script.push_str(&format!("echo '{MARK}{number}'\n{}\n", block.commands));
    }
    script
}

/// Holds the output of [`script`] against what is shown: each shown line is there, in the order of the page.
///
/// # Errors
/// The first line that is not there.
pub fn check_output(blocks: &[Block], output: &str) -> Result<usize> {
    let parts: Vec<&str> = output.split(MARK).skip(1).collect();
    ensure!(parts.len() == blocks.len(), "{} of {} blocks were run:\n{output}", parts.len(), blocks.len());
    let mut found = 0;
    for (block, part) in blocks.iter().zip(parts) {
        let mut lines = part.lines().skip(1);
        for shown in &block.shown {
            let is_there = lines.any(|line| is_like(line, shown));
            ensure!(is_there, "`{shown}` is shown behind\n{}\nand this came:\n{part}", block.commands);
            found += 1;
        }
    }
    Ok(found)
}

/// True when `line` is `shown`, where a `…` stands for anything.
fn is_like(line: &str, shown: &str) -> bool {
    let mut parts = shown.split(ANYTHING);
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut ends_open = false;
    for part in parts {
        ends_open = part.is_empty();
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || ends_open
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A\n```sh\nfalse\n```\n### B\nText.\n\n```sh\necho 1\n# no heading\n```\n\n```text\n1\n```\n### C\n";

    #[test]
    fn a_section_has_its_own_blocks() {
        let blocks = blocks(PAGE, "### B").unwrap();
        assert_eq!(
            blocks,
            [Block { commands: "echo 1\n# no heading".to_owned(), shown: vec!["1".to_owned()] }]
        );
        assert!(super::blocks(PAGE, "### C").is_err());
        assert!(super::blocks("### B\n```sh\n", "### B").is_err());
        assert!(super::blocks("### B\n```text\n1\n```\n", "### B").is_err());
    }

    #[test]
    fn what_is_shown_must_come() {
        let blocks = blocks(PAGE, "### B").unwrap();
        let script = script(&blocks);
        assert!(script.contains("echo '=== block 0'\necho 1\n"), "{script}");
        assert!(check_output(&blocks, "=== block 0\n0\n1\n").is_ok());
        assert!(check_output(&blocks, "=== block 0\n12\n").is_err());
        assert!(check_output(&blocks, "").is_err());
    }

    #[test]
    fn an_ellipsis_stands_for_anything() {
        assert!(is_like("seq 17 of 20", "seq … of …"));
        assert!(is_like("seq 17 of 20", "seq 17 of 20"));
        assert!(is_like("seq 17 of 20", "…20"));
        assert!(!is_like("seq 17 of 20", "seq … of"));
        assert!(!is_like("seq 17 of 20", "sec …"));
    }
}

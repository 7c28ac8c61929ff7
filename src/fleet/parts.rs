//! Splits a packed question into what a cluster can answer on different nodes.

use std::ops::Range;

/// A command, or all commands of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Where it stands in the question.
    pub(super) bytes: Range<usize>,
    /// The numbers of its commands.
    pub(super) commands: Range<usize>,
}

/// All parts of a question, in order. What cannot be read, and all behind it, is left out.
pub(super) fn parts(question: &[u8]) -> Vec<Part> {
    let (mut parts, mut at) = (Vec::new(), 0);
    // Where the transaction began that is open.
    let mut open = None;
    for number in 0.. {
        let Some((name, length)) = question.get(at..).and_then(command) else {
            return parts;
        };
        let (begin, first) = open.unwrap_or((at, number));
        at += length;
        open = match name {
            b"MULTI" => Some((begin, first)),
            b"EXEC" => None,
            _ => open,
        };
        if open.is_none() {
            parts.push(Part {
                bytes: begin..at,
                commands: first..number + 1,
            });
        }
    }
    parts
}

/// The name of the command at the beginning of these bytes, and the length of all of it.
fn command(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (words, mut at) = number(bytes, 0, b'*')?;
    let mut name = None;
    for _ in 0..words {
        let (length, begin) = number(bytes, at, b'$')?;
        let end = begin.checked_add(length)?;
        let word = bytes.get(begin..end)?;
        name = name.or(Some(word));
        at = end.checked_add(2).filter(|at| *at <= bytes.len())?;
    }
    Some((name?, at))
}

/// The number in a line that begins with a sign, and where the next line begins.
fn number(bytes: &[u8], at: usize, sign: u8) -> Option<(usize, usize)> {
    let line = bytes.get(at..)?;
    let length = line.windows(2).position(|end| end == b"\r\n")?;
    let digits = line.get(..length)?.strip_prefix(&[sign])?;
    let number = str::from_utf8(digits).ok()?.parse().ok()?;
    Some((number, at + length + 2))
}

#[cfg(test)]
mod tests {
    use redis::Pipeline;

    use super::*;

    #[test]
    fn a_question_has_parts_that_are_commands_and_transactions() {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("TIME");
        pipeline.cmd("MULTI").cmd("SET").arg("k").arg("a\r\n*1\r\n");
        pipeline.cmd("EXEC").cmd("GET").arg("");
        let question = pipeline.get_packed_pipeline();
        let parts = parts(&question);
        let commands: Vec<_> = parts.iter().map(|part| part.commands.clone()).collect();
        assert_eq!(commands, [0..1, 1..4, 4..5]);
        assert_eq!(parts[0].bytes, 0..14);
        assert_eq!(parts[2].bytes.end, question.len());
        let joined: Vec<u8> = parts
            .iter()
            .flat_map(|part| question[part.bytes.clone()].to_vec())
            .collect();
        assert_eq!(joined, question);
    }

    #[test]
    fn what_is_no_question_has_no_parts() {
        for bytes in [
            "",
            "*",
            "*1\r\n",
            "*1\r\n$9\r\nx\r\n",
            "*1\r\n$18446744073709551615\r\n",
            "+OK\r\n",
            "*0\r\n",
        ] {
            assert_eq!(parts(bytes.as_bytes()), [], "{bytes:?}");
        }
    }
}

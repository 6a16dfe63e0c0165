//! Reading the commands of a log, and noticing where it stops being one.

use std::io::{self, BufRead, ErrorKind, Read};

use crate::base::num::parse_i64;

/// The longest line of a header or an annotation, in bytes.
const LONGEST_LINE: u64 = 64 << 10;

/// What stands in a log.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A command; its arguments have been filled in.
    Command,
    /// A line that begins with `#`, without its end.
    Annotation(Vec<u8>),
}

/// Why reading stops before the end.
#[derive(Debug)]
pub enum Damage {
    /// The log ends within a command, or nothing but zeros follows, as after a power failure.
    CutOff,
    /// What follows is no command.
    Format(&'static str),
    /// The file can't be read.
    Io(io::Error),
}

/// Reads a log.
pub struct CommandReader<R> {
    input: R,
    offset: u64,
    lines: u64,
    line: Vec<u8>,
}

impl<R: BufRead> CommandReader<R> {
    /// Reads what comes at this offset of a file.
    pub fn new(input: R, offset: u64) -> Self {
        CommandReader { input, offset, lines: 0, line: Vec::new() }
    }

    /// The offset behind what was read last.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many lines of commands have been read whole: headers and arguments.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Reads a line or a command, whose arguments replace `args`; none at the end.
    ///
    /// # Errors
    /// What follows is damaged.
    pub fn next(&mut self, args: &mut Vec<Vec<u8>>) -> Result<Option<Line>, Damage> {
        args.clear();
        if self.input.fill_buf().map_err(Damage::Io)?.is_empty() {
            return Ok(None);
        }
        self.read_line()?;
        match self.line.first() {
            Some(b'#') => Ok(Some(Line::Annotation(self.line.clone()))),
            Some(b'*') => {
                let count = self.number()?;
                if count < 1 {
                    return Err(Damage::Format("a command without a name"));
                }
                for _ in 0..count {
                    args.push(self.argument()?);
                }
                Ok(Some(Line::Command))
            }
            _ => Err(Damage::Format("no command begins so")),
        }
    }

    fn argument(&mut self) -> Result<Vec<u8>, Damage> {
        self.read_line()?;
        if self.line.first() != Some(&b'$') {
            return Err(Damage::Format("an argument without its length"));
        }
        let len = u64::try_from(self.number()?).map_err(|_| Damage::Format("a negative length"))?;
        let mut argument = Vec::new();
        // As much memory as there are bytes, whatever the length says.
        let read = self.input.by_ref().take(len).read_to_end(&mut argument).map_err(Damage::Io)?;
        self.offset += read as u64;
        if (read as u64) < len {
            return Err(Damage::CutOff);
        }
        let mut end = [0; 2];
        self.input.read_exact(&mut end).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Damage::CutOff,
            _ => Damage::Io(error),
        })?;
        self.offset += 2;
        if end != *b"\r\n" {
            return Err(Damage::Format("an argument longer than its length"));
        }
        self.lines += 1;
        Ok(argument)
    }

    /// The number behind the first byte of the line.
    fn number(&mut self) -> Result<i64, Damage> {
        let number = parse_i64(&self.line[1..]).ok_or(Damage::Format("a length that is no number"))?;
        self.lines += 1;
        Ok(number)
    }

    /// Reads up to the end of a line, which isn't kept.
    fn read_line(&mut self) -> Result<(), Damage> {
        self.line.clear();
        let mut limited = self.input.by_ref().take(LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut self.line).map_err(Damage::Io)?;
        self.offset += read as u64;
        if self.line.ends_with(b"\r\n") {
            self.line.truncate(read - 2);
            return Ok(());
        }
        if self.line.ends_with(b"\n") {
            return Err(Damage::Format("a line without \\r\\n"));
        }
        let zeros = self.line.iter().all(|&byte| byte == 0);
        if (read as u64) < LONGEST_LINE || zeros && self.only_zeros_follow()? {
            let begins = matches!(self.line.first(), None | Some(b'*' | b'$' | b'#'));
            return Err(if begins || zeros {
                Damage::CutOff
            } else {
                Damage::Format("no command begins so")
            });
        }
        Err(Damage::Format("a line without end"))
    }

    fn only_zeros_follow(&mut self) -> Result<bool, Damage> {
        loop {
            let buffer = self.input.fill_buf().map_err(Damage::Io)?;
            if buffer.is_empty() {
                return Ok(true);
            }
            if buffer.iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            let len = buffer.len();
            self.input.consume(len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[u8] = b"#TS:5\r\n*2\r\n$3\r\nGET\r\n$2\r\n\r\n\r\n*1\r\n$0\r\n\r\n";

    fn read(log: &[u8]) -> (Vec<Vec<Vec<u8>>>, u64, Option<Damage>) {
        let mut reader = CommandReader::new(log, 0);
        let (mut all, mut good, mut args) = (Vec::new(), 0, Vec::new());
        loop {
            match reader.next(&mut args) {
                Ok(None) => return (all, good, None),
                Ok(Some(Line::Command)) => all.push(args.clone()),
                Ok(Some(Line::Annotation(text))) => assert_eq!(text, b"#TS:5"),
                Err(damage) => return (all, good, Some(damage)),
            }
            good = reader.offset();
        }
    }

    #[test]
    fn reads_what_servers_write() {
        let (commands, good, damage) = read(LOG);
        assert_eq!(commands, [vec![b"GET".to_vec(), b"\r\n".to_vec()], vec![Vec::new()]]);
        assert!(damage.is_none());
        assert_eq!(good, LOG.len() as u64);
    }

    #[test]
    fn wherever_it_is_cut_the_part_before_is_good() {
        let ends = [0, 7, 28, LOG.len()];
        for cut in 0..LOG.len() {
            let (_, good, damage) = read(&LOG[..cut]);
            let whole = ends.iter().rev().find(|&&end| end <= cut).expect("0 is one");
            assert_eq!(good, *whole as u64, "cut at {cut}");
            assert_eq!(damage.is_some(), *whole != cut, "cut at {cut}");
            assert!(matches!(damage, None | Some(Damage::CutOff)), "cut at {cut}: {damage:?}");
        }
    }

    #[test]
    fn zeros_at_the_end_are_a_power_failure() {
        for zeros in [1, 100, 200_000] {
            let log = [LOG, &vec![0; zeros]].concat();
            assert!(matches!(read(&log).2, Some(Damage::CutOff)), "{zeros}");
        }
        let log = [LOG, &[0; 70_000], b"*"].concat();
        assert!(matches!(read(&log).2, Some(Damage::Format(_))));
    }

    #[test]
    fn what_is_no_command_is_told_from_what_is_cut() {
        for tail in
            ["!!!", "*0\r\n", "*x\r\n", "*1\n$1\na\n", "*1\r\n$-1\r\n", "*1\r\n$1\r\nab\r\n", "*1\r\n+a\r\n"]
        {
            let log = [LOG, tail.as_bytes()].concat();
            let (commands, good, damage) = read(&log);
            assert_eq!((commands.len(), good), (2, LOG.len() as u64), "{tail}");
            assert!(matches!(damage, Some(Damage::Format(_))), "{tail}: {damage:?}");
        }
        // A length that nothing backs costs no memory.
        assert!(matches!(read(b"*1\r\n$9000000000000000000\r\nabc").2, Some(Damage::CutOff)));
        assert!(matches!(read(b"*9000000000000000000\r\n$1\r\na\r\n").2, Some(Damage::CutOff)));
    }
}

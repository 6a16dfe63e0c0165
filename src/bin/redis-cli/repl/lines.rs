//! Lines of standard input where it isn't a terminal.

use std::io::{self, Read};

/// Reads no further than it has to, so that a look at standard input tells whether more comes.
#[derive(Default)]
pub struct Lines {
    bytes: Vec<u8>,
    ended: bool,
}

impl Lines {
    /// The next line without its end; `None` after the last one.
    pub fn next_line(&mut self) -> Option<Vec<u8>> {
        let mut searched = 0;
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.bytes[searched..]) {
                let rest = self.bytes.split_off(searched + end + 1);
                let mut line = std::mem::replace(&mut self.bytes, rest);
                line.pop();
                return Some(line);
            }
            searched = self.bytes.len();
            if self.ended {
                return Some(std::mem::take(&mut self.bytes)).filter(|line| !line.is_empty());
            }
            self.read();
        }
    }

    /// Whether a whole line has been read already.
    pub fn has_line(&self) -> bool {
        memchr::memchr(b'\n', &self.bytes).is_some()
    }

    fn read(&mut self) {
        let mut chunk = [0; 16 * 1024];
        match io::stdin().lock().read(&mut chunk) {
            Ok(length @ 1..) => self.bytes.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => self.ended = true,
        }
    }
}

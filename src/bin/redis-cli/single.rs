//! One command, from the command line.

use std::io::Read;

use redstart::config::errors::os_text;

use crate::options::FromStdin;
use crate::output;
use crate::repl;
use crate::session::{Failed, Session, Voice};
use crate::text::{is, unquote};

/// Sends the command of the options, with what standard input has of it.
///
/// # Errors
/// The command can't be made, or the connection is lost.
pub fn run(session: &mut Session) -> Result<(), Failed> {
    // A server that doesn't answer is told of when the command is sent.
    let _told = session.connect(Voice::Quiet);
    let words = words(session)?;
    if is(&words[0], "help") || words[0] == b"?" {
        repl::show_help(session, &words[1..]);
        return Ok(());
    }
    let repeat = session.options.repeat;
    session.issue(&words, repeat)?;
    if session.is_subscribed() {
        return Err(session.show_messages().into());
    }
    Ok(())
}

fn words(session: &mut Session) -> Result<Vec<Vec<u8>>, Failed> {
    let mut words = std::mem::take(&mut session.options.command);
    if session.options.quoted_input {
        let unquoted: Option<Vec<_>> = words.iter().map(|word| unquote(word)).collect();
        let Some(unquoted) = unquoted else {
            output::print(format_args!("Invalid quoted string\n"));
            return Err(Failed(String::new()));
        };
        words = unquoted;
    }
    match &session.options.stdin {
        FromStdin::Nothing => {}
        FromStdin::LastArgument => words.push(standard_input()?),
        FromStdin::Argument(tag) => {
            let Some(place) = words.iter_mut().find(|word| *word == tag) else {
                return Err(Failed("Using -X option but stdin tag not match.".into()));
            };
            *place = standard_input()?;
        }
    }
    Ok(words)
}

fn standard_input() -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    match std::io::stdin().lock().read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(why) => Err(Failed(format!("Reading from standard input: {}", os_text(&why)))),
    }
}

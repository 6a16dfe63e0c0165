//! Connections that MIGRATE has used a short while ago: moving many keys, one per command, then costs one.
//!
//! Whoever uses a connection has it for himself; what is here is idle. One that serves a user isn't given to somebody
//! who comes without that user's password.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::target::{Address, Target};

/// How many are kept; then the one that has been idle for longest goes.
const MOST: usize = 64;
/// For how long one is kept.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the head of this file.
#[derive(Default)]
pub struct Targets {
    /// From the one that has been idle for longest to the last.
    idle: Mutex<Vec<(Instant, Target)>>,
}

impl Targets {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.idle.lock().len()
    }

    /// Closes those that nobody has used for a while.
    pub fn close_idle(&self) {
        self.close_idle_at(Instant::now());
    }

    fn close_idle_at(&self, now: Instant) {
        self.idle.lock().retain(|(since, _)| now.duration_since(*since) < PATIENCE);
    }

    /// A connection to there that seems to be alive, if there is one; what isn't goes.
    pub(super) fn take(&self, address: &Address) -> Option<Target> {
        loop {
            let mut idle = self.idle.lock();
            let at = idle.iter().rposition(|(_, target)| target.address == *address)?;
            let (_, mut target) = idle.remove(at);
            drop(idle);
            if target.is_quiet() {
                target.reused = true;
                return Some(target);
            }
        }
    }

    /// Keeps a connection on which every reply has been read.
    pub(super) fn keep(&self, target: Target) {
        let mut idle = self.idle.lock();
        idle.push((Instant::now(), target));
        let surplus = idle.len().saturating_sub(MOST);
        idle.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    fn address(port: u16, password: Option<&str>) -> Address {
        let auth = password.map(|password| vec![b"AUTH".to_vec(), password.as_bytes().to_vec()]);
        Address { host: b"127.0.0.1".to_vec(), port, auth: auth.unwrap_or_default() }
    }

    fn connect(address: &Address, db: i64) -> Target {
        let mut target = Target::connect(address.clone(), PATIENCE).expect("somebody listens");
        target.db = Some(db);
        target
    }

    #[test]
    fn a_connection_is_given_to_the_same_user_only_and_to_one_at_a_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (known, unknown) = (address(port, Some("secret")), address(port, None));
        let targets = Targets::default();
        targets.keep(connect(&known, 3));
        assert!(targets.take(&unknown).is_none());
        assert!(targets.take(&address(port, Some("other"))).is_none());
        let target = targets.take(&known).expect("kept");
        assert!(target.reused && target.db == Some(3));
        assert!(targets.take(&known).is_none());
    }

    #[test]
    fn what_has_ended_or_says_something_is_no_longer_given() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = address(listener.local_addr().unwrap().port(), None);
        let targets = Targets::default();
        targets.keep(connect(&address, 0));
        let ended = listener.accept().unwrap().0;
        targets.keep(connect(&address, 0));
        let mut talks = listener.accept().unwrap().0;
        drop(ended);
        talks.write_all(b"-ERR unasked\r\n").unwrap();
        let gone = || targets.idle.lock().iter().all(|(_, target)| !target.is_quiet());
        while !gone() {
            std::thread::yield_now();
        }
        assert!(targets.take(&address).is_none());
        assert_eq!(targets.len(), 0);
    }

    #[test]
    fn the_oldest_go() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = address(listener.local_addr().unwrap().port(), None);
        let targets = Targets::default();
        for db in 0..=MOST as i64 {
            targets.keep(connect(&address, db));
        }
        assert_eq!(targets.len(), MOST);
        assert_eq!(targets.idle.lock()[0].1.db, Some(1));
        targets.close_idle();
        assert_eq!(targets.len(), MOST);
        targets.close_idle_at(Instant::now() + PATIENCE);
        assert_eq!(targets.len(), 0);
    }
}

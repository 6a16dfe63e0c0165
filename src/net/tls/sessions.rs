//! Sessions that clients may resume, for so long and so many.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_rustls::rustls::server::StoresServerSessions;

use crate::config::Tls;

/// Remembers sessions by their identifiers; the oldest are forgotten first.
#[derive(Debug)]
pub struct Sessions {
    most: usize,
    kept: Duration,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    sessions: HashMap<Vec<u8>, (Instant, Vec<u8>)>,
    /// When each was stored, the oldest first; those that were taken since are still here.
    ages: VecDeque<(Instant, Vec<u8>)>,
}

impl Book {
    fn forget_oldest(&mut self) {
        if let Some((stored, key)) = self.ages.pop_front()
            && self.sessions.get(&key).is_some_and(|session| session.0 == stored)
        {
            self.sessions.remove(&key);
        }
    }
}

impl Sessions {
    /// None yet, with the limits of the settings.
    pub fn new(settings: &Tls) -> Sessions {
        let most = match settings.session_cache_size {
            0 => usize::MAX,
            size => size as usize,
        };
        let kept = Duration::from_secs(settings.session_cache_timeout_s.into());
        Sessions { most, kept, book: Mutex::default() }
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let now = Instant::now();
        let mut book = self.book.lock();
        let is_over = |book: &Book| book.ages.front().is_some_and(|oldest| now - oldest.0 >= self.kept);
        while book.ages.len() >= self.most || is_over(&book) {
            book.forget_oldest();
        }
        book.ages.push_back((now, key.clone()));
        book.sessions.insert(key, (now, value));
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let book = self.book.lock();
        let (stored, value) = book.sessions.get(key)?;
        (stored.elapsed() < self.kept).then(|| value.clone())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let (stored, value) = self.book.lock().sessions.remove(key)?;
        (stored.elapsed() < self.kept).then_some(value)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(most: usize, kept: Duration) -> Sessions {
        Sessions { most, kept, book: Mutex::default() }
    }

    #[test]
    fn the_oldest_makes_room() {
        let sessions = sessions(2, Duration::from_secs(60));
        for key in 1..=3u8 {
            assert!(sessions.put(vec![key], vec![key, key]));
        }
        assert_eq!(sessions.get(&[1]), None);
        assert_eq!(sessions.get(&[2]), Some(vec![2, 2]));
        assert_eq!((sessions.take(&[3]), sessions.take(&[3])), (Some(vec![3, 3]), None));
        for key in 4..100u8 {
            sessions.put(vec![key], Vec::new());
            sessions.take(&[key]);
        }
        assert!(sessions.book.lock().ages.len() <= 2);
    }

    #[test]
    fn one_that_is_too_old_is_gone() {
        let sessions = sessions(10, Duration::ZERO);
        sessions.put(vec![1], vec![1]);
        assert_eq!((sessions.get(&[1]), sessions.take(&[1])), (None, None));
        sessions.put(vec![2], vec![2]);
        sessions.put(vec![3], vec![3]);
        assert_eq!(sessions.book.lock().sessions.len(), 1);
    }
}

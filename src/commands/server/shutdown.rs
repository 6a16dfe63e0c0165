//! How the process is asked to stop: by SHUTDOWN and by signals.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::config::Settings;

/// What whoever asks the process to stop says about it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct ShutdownRequest {
    /// Save even without save points.
    pub save: bool,
    /// Don't save even with save points.
    pub nosave: bool,
    /// Don't wait for replicas.
    pub now: bool,
    /// Stop although saving failed.
    pub force: bool,
}

impl ShutdownRequest {
    /// Whether there is to be a new file first.
    pub fn saves(&self, settings: &Settings) -> bool {
        self.save || !self.nosave && !settings.snapshots.save.is_empty()
    }
}

/// How the process is asked to stop.
///
/// A request may come to nothing: what has to be saved first can't be. From the moment at which the process is *asked*
/// in earnest, everything ends.
#[derive(Default)]
pub struct Shutdown {
    request: Mutex<Option<(ShutdownRequest, Sender<()>)>>,
    /// What a signal asks for, until somebody heeds it.
    announced: Mutex<Option<ShutdownRequest>>,
    requested: Notify,
    asked: AtomicBool,
    notify: Notify,
}

impl Shutdown {
    /// Requests the end. The receiver is told when it comes to nothing, and cut off when the process ends.
    pub fn request(&self, request: ShutdownRequest) -> Receiver<()> {
        let (sender, receiver) = channel();
        *self.request.lock() = Some((request, sender));
        self.requested.notify_one();
        receiver
    }

    /// Waits for a request.
    pub async fn requested(&self) -> (ShutdownRequest, Sender<()>) {
        loop {
            self.requested.notified().await;
            if let Some(request) = self.request.lock().take() {
                return request;
            }
        }
    }

    /// Notes what a signal asks for.
    pub fn announce(&self, request: ShutdownRequest) {
        *self.announced.lock() = Some(request);
    }

    /// What a signal has asked for, unless that was given up. It is heeded from here on.
    pub fn take_announced(&self) -> Option<ShutdownRequest> {
        self.announced.lock().take()
    }

    /// Gives up requests that nobody has heeded yet; tells whether there was one.
    pub fn abort(&self) -> bool {
        let request = self.request.lock().take();
        // Whoever has asked may be gone.
        let refused = request.map(|(_, refuse)| refuse.send(())).is_some();
        self.take_announced().is_some() || refused
    }

    /// Asks the process to stop.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    /// Whether the process is stopping.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Waits until the process is asked to stop.
    pub async fn asked(&self) {
        let notified = self.notify.notified();
        if !self.is_asked() {
            notified.await;
        }
    }
}

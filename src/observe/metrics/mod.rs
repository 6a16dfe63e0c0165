//! /metrics for Prometheus: the facts of INFO and some more under the names of redis_exporter.
//!
//! It is served by a thread of its own with a small runtime of its own, and reads facts that need neither the locks
//! of shards nor the gate. So it answers while all workers are busy and while a command has everything for itself:
//! that is when somebody looks at it.
//!
//! [`collect`] makes the metrics of redis_exporter, [`own`] ours; this file serves them, and `/healthz` and `/readyz`
//! beside them.

mod collect;
mod own;
mod sample;

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::Facts;
use super::facts::Readiness;
use crate::base::listen::{self, Wanted};
use crate::config::Observe;

pub use self::collect::text;

/// Requests at a time; more wait until one is done.
const CONNECTIONS_MAX: usize = 32;
/// How long a request and its answer may take altogether.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a request's head; what is longer is refused. The least that hyper takes.
const HEAD_MAX: usize = 8 * 1024;
const BACKLOG: u32 = 64;

/// Who serves, if anybody does.
#[derive(Default)]
pub struct MetricsServer {
    running: Mutex<Option<Running>>,
}

/// A thread that serves, and what ends it.
struct Running {
    settings: Observe,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl MetricsServer {
    /// Serves where the settings say, and nowhere else, from now on.
    ///
    /// # Errors
    /// An address that can't be listened on; then it serves where it did before.
    pub fn serve(&self, settings: &Observe, facts: &Arc<impl Facts + 'static>) -> io::Result<()> {
        let mut running = self.running.lock();
        let before = running.take().map(Running::end);
        let started = Running::start(settings, facts);
        // The address that was free a moment ago is free still, or taken by somebody else for good.
        let restart =
            |error| (before.and_then(|before| Running::start(&before, facts).ok().flatten()), Err(error));
        let (now, result) = started.map_or_else(restart, |started| (started, Ok(())));
        *running = now;
        result
    }
}

impl Running {
    /// Starts a thread if the settings name a port.
    fn start(settings: &Observe, facts: &Arc<impl Facts + 'static>) -> io::Result<Option<Running>> {
        if settings.metrics_port == 0 {
            return Ok(None);
        }
        let listeners = bind(settings)?;
        let facts: Weak<dyn Facts> = Arc::downgrade(facts) as Weak<dyn Facts>;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            runtime.block_on(async {
                let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
                for listener in listeners {
                    tokio::spawn(accept(listener, Arc::clone(&slots), Weak::clone(&facts)));
                }
                // Told to stop, or left alone: both are the end.
                let _ = stopped.await;
            });
        };
        let thread = std::thread::Builder::new().name("redstart-metrics".into()).spawn(run)?;
        Ok(Some(Running { settings: settings.clone(), stop, thread }))
    }

    /// Ends the thread, and with it its sockets; returns where it served.
    fn end(self) -> Observe {
        // A thread that has ended by itself needs no telling, and its panic concerns nobody here.
        let _ = self.stop.send(());
        let _ = self.thread.join();
        self.settings
    }
}

fn bind(settings: &Observe) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for name in &settings.metrics_bind {
        let explain = |error: io::Error| {
            io::Error::new(error.kind(), format!("metrics on {name}:{}: {error}", settings.metrics_port))
        };
        let Wanted { address, optional } = listen::wanted(name, settings.metrics_port).map_err(explain)?;
        match listen::tcp(address, BACKLOG) {
            Err(error) if listen::may_be_missing(&error, optional) => {}
            bound => listeners.push(bound.map_err(explain)?),
        }
    }
    Ok(listeners)
}

async fn accept(listener: TcpListener, slots: Arc<Semaphore>, facts: Weak<dyn Facts>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::warn!("Metrics are not served: {error}"),
    };
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let Some(facts) = facts.upgrade() else { return };
                tokio::spawn(async move {
                    let service = service_fn(|request| {
                        let response = answer(&request, &*facts);
                        async { Ok::<_, Infallible>(response) }
                    });
                    let connection = http1::Builder::new()
                        .keep_alive(false)
                        .max_buf_size(HEAD_MAX)
                        .serve_connection(TokioIo::new(stream), service);
                    // A scraper that goes away or is too slow loses its answer; nobody else cares.
                    let _ = timeout(PATIENCE, connection).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!("Accepting a connection for metrics: {error}");
                // Out of descriptors and the like: trying again at once would only burn the processor.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn answer(request: &Request<Incoming>, facts: &dyn Facts) -> Response<Full<Bytes>> {
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/metrics" | "/healthz" | "/readyz" | "/" if !reading => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        "/metrics" => {
            let mut response = plain(StatusCode::OK, text(facts));
            let format = HeaderValue::from_static(prometheus::TEXT_FORMAT);
            response.headers_mut().insert(CONTENT_TYPE, format);
            response
        }
        "/healthz" => plain(StatusCode::OK, "ok\n"),
        "/readyz" => match facts.readiness() {
            Readiness::Ready => plain(StatusCode::OK, "ok\n"),
            Readiness::Loading => plain(StatusCode::SERVICE_UNAVAILABLE, "loading\n"),
            Readiness::Stopping => plain(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n"),
        },
        "/" => plain(StatusCode::OK, "Redstart: see /metrics\n"),
        _ => plain(StatusCode::NOT_FOUND, "not found\n"),
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

//! A client in the same pod.

use super::list::{App, Request};
use crate::harness::container::Container;

/// Waits until the app answers as it should, or ends.
pub fn answers(app: &App, container: &Container) -> bool {
    let mut answers = false;
    container.wait("answer", || {
        answers = is_answering(app, container);
        answers || !container.is_running()
    });
    answers
}

/// Whether it answers at once.
pub fn is_answering(app: &App, container: &Container) -> bool {
    let request = match app.request {
        Request::Http(path) => {
            format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", app.port).into_bytes()
        }
        Request::Tcp(bytes) => bytes.to_vec(),
    };
    let answer = container.ask(app.port, &request, app.answer).unwrap_or_default();
    answer.windows(app.answer.len()).any(|part| part == app.answer)
}

/// A small load, as an app's own tests would be: it answers each time, also after what is no request.
pub fn passes_the_load(app: &App, container: &Container) -> bool {
    let garbage = || container.ask(app.port, b"\x16\x03\x01no request\r\n\r\n", b"");
    answers(app, container)
        && (0..4).all(|_| is_answering(app, container))
        && { garbage().map_or(true, |_| true) }
        && (0..4).all(|_| is_answering(app, container))
}

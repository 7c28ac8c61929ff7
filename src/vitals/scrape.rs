//! Answers every scrape. Readers that do not read hold a bounded number of texts.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use tokio::{task, time::Instant};

use crate::{
    facts::client_left::TooSlow,
    metrics::{
        Exporter,
        exposition::{Form, accepted, gzip},
    },
};

/// How many texts are held at once before readers share them: one for Prometheus, one for its replacement during a
/// rollout, one for an engineer, and one to spare.
const APART: usize = 4;

/// How many texts are held at most. Readers of one form never hold more: four, and one for each second after.
const MOST: usize = 13;

/// How old a text may be that readers of one form share.
const SHARED: Duration = Duration::from_secs(1);

/// How long a reader keeps its text while others need the room. No scraper waits longer by default.
const LONGEST: Duration = Duration::from_secs(10);

/// The bytes that a server gets at once.
const PIECE: usize = 64 << 10;

/// A rendered text.
struct Text {
    begun: Instant,
    form: Form,
    length: usize,
    /// `None` after it was taken from its readers.
    text: Mutex<Option<Vec<u8>>>,
}

/// The texts that have readers of one router, from the oldest to the newest. There are at most 13 of them: from the fourth on,
/// each begins a second after the one of its form before it, and none is older than 10 s. If there are more because readers
/// want several forms, the oldest goes before.
#[derive(Default)]
struct Texts(Vec<Weak<Text>>);

/// Answers scrapes. Clones share the texts.
#[derive(Clone)]
pub(super) struct Scrapes {
    exporter: Exporter,
    texts: Arc<tokio::sync::Mutex<Texts>>,
}

/// Reads a text. The pieces are copies: a server that cannot send them keeps some of them, and not the whole text.
pub(super) struct Reading {
    /// `None` after the last piece.
    text: Option<Arc<Text>>,
    at: usize,
}

// === impl Scrapes ===

impl Scrapes {
    pub(super) fn new(exporter: Exporter) -> Self {
        Self {
            exporter,
            texts: Arc::default(),
        }
    }

    /// The metrics in the form that the headers of a request accept.
    pub(super) async fn answer(&self, headers: &HeaderMap) -> Response<Reading> {
        let form = accepted(headers);
        // One at a time, also if the client leaves: the thread has the guard.
        let mut texts = Arc::clone(&self.texts).lock_owned().await;
        let exporter = self.exporter.clone();
        let render = move || match (exporter.render(form.format), form.gzip) {
            (text, true) => gzip(&text),
            (text, false) => text.into_bytes(),
        };
        // With thousands of series it takes milliseconds: not on a thread that serves requests.
        let rendered =
            task::spawn_blocking(move || texts.for_reader(Instant::now(), form, render)).await;
        match rendered {
            Ok(text) => {
                let mut response = Response::new(Reading::new(text));
                describe(form, response.headers_mut());
                response
            }
            // It panicked, or the runtime ends.
            Err(_) => {
                let mut response = Response::new(Reading { text: None, at: 0 });
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }
}

// === impl Text ===

impl Text {
    /// The bytes from `at` on. `None` after the text was taken from its readers.
    fn piece(&self, at: usize) -> Option<Bytes> {
        self.with(|text| {
            let rest = text.as_ref()?.get(at..)?;
            Some(Bytes::copy_from_slice(&rest[..rest.len().min(PIECE)]))
        })
    }

    fn take_from_readers(&self) {
        self.with(|text| *text = None);
    }

    fn with<T>(&self, look: impl FnOnce(&mut Option<Vec<u8>>) -> T) -> T {
        look(&mut self.text.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl Texts ===

impl Texts {
    /// A new text. If there are many, the newest of this form, unless it is too old.
    fn for_reader(
        &mut self,
        now: Instant,
        form: Form,
        render: impl FnOnce() -> Vec<u8>,
    ) -> Arc<Text> {
        let age = |text: &Text| now.saturating_duration_since(text.begun);
        let mut held: Vec<_> = self.0.iter().filter_map(Weak::upgrade).collect();
        if held.len() >= APART {
            for late in held.extract_if(.., |text| age(text) >= LONGEST) {
                late.take_from_readers();
            }
        }
        let crowded = held.len() >= APART;
        let newest = held.iter().rfind(|text| text.form == form);
        let young = newest.filter(|newest| age(newest) < SHARED);
        if let Some(newest) = young.filter(|_| crowded) {
            return Arc::clone(newest);
        }
        let over = (held.len() + 1).saturating_sub(MOST);
        for old in held.drain(..over) {
            old.take_from_readers();
        }
        let rendered = render();
        let text = Arc::new(Text {
            begun: now,
            form,
            length: rendered.len(),
            text: Mutex::new(Some(rendered)),
        });
        held.push(Arc::clone(&text));
        self.0 = held.iter().map(Arc::downgrade).collect();
        text
    }
}

// === impl Reading ===

impl Reading {
    fn new(text: Arc<Text>) -> Self {
        Self {
            at: 0,
            text: (text.length > 0).then_some(text),
        }
    }
}

impl Body for Reading {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(text) = self.text.take() else {
            return Poll::Ready(None);
        };
        let Some(piece) = text.piece(self.at) else {
            let late = io::Error::new(io::ErrorKind::TimedOut, TooSlow);
            return Poll::Ready(Some(Err(late)));
        };
        self.at += piece.len();
        if self.at < text.length {
            self.text = Some(text);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.text.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.text.as_ref().map_or(0, |text| text.length - self.at);
        SizeHint::with_exact(left as u64)
    }
}

fn describe(form: Form, headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_TYPE, form.format.content_type());
    let vary = HeaderValue::from_static("accept, accept-encoding");
    headers.insert(header::VARY, vary);
    if form.gzip {
        let gzip = HeaderValue::from_static("gzip");
        headers.insert(header::CONTENT_ENCODING, gzip);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::exposition::Format;

    const PLAIN: Form = Form {
        format: Format::Text,
        gzip: false,
    };

    /// All forms.
    fn forms() -> impl Iterator<Item = Form> {
        let formats = [Format::Text, Format::OpenMetrics].into_iter();
        formats.flat_map(|format| [false, true].map(|gzip| Form { format, gzip }))
    }

    /// Texts, and a clock that the test sets.
    struct Room {
        texts: Texts,
        began: Instant,
        rendered: usize,
    }

    impl Room {
        fn new() -> Self {
            Self {
                texts: Texts::default(),
                began: Instant::now(),
                rendered: 0,
            }
        }

        fn reader(&mut self, millis: u64) -> Reading {
            self.reader_of(PLAIN, millis)
        }

        fn reader_of(&mut self, form: Form, millis: u64) -> Reading {
            let now = self.began + Duration::from_millis(millis);
            let rendered = &mut self.rendered;
            let text = self.texts.for_reader(now, form, || {
                *rendered += 1;
                format!("number {rendered}, {form:?}").into()
            });
            Reading::new(text)
        }

        /// How many texts are in memory.
        fn held(&self) -> usize {
            let texts = self.texts.0.iter().filter_map(Weak::upgrade);
            texts.filter(|text| text.piece(0).is_some()).count()
        }
    }

    fn rest(reading: &Reading) -> Option<Bytes> {
        reading.text.as_ref()?.piece(reading.at)
    }

    /// The most texts in memory within a minute in which each 50 ms a reader of each form comes, and none reads.
    fn most_held(forms: &[Form]) -> usize {
        let mut room = Room::new();
        let mut stuck = Vec::new();
        let mut most = 0;
        for millis in (0..60_000).step_by(50) {
            for form in forms {
                let reading = room.reader_of(*form, millis);
                assert!(rest(&reading).is_some(), "at {millis} ms");
                stuck.push(reading);
                most = most.max(room.held());
            }
        }
        most
    }

    #[test]
    fn readers_who_never_read_hold_at_most_thirteen_texts() {
        assert_eq!(most_held(&[PLAIN]), 13);
    }

    #[test]
    fn a_text_is_new_while_few_are_held_and_at_most_a_second_old_else() {
        let mut room = Room::new();
        let mut readers: Vec<_> = (0..4).map(|_| room.reader(0)).collect();
        assert_eq!(room.rendered, 4);
        for (millis, rendered) in [(1, 4), (999, 4), (1_000, 5), (1_999, 5)] {
            readers.push(room.reader(millis));
            assert_eq!(room.rendered, rendered, "at {millis} ms");
        }
        // Two texts have no reader any more.
        readers.drain(..2);
        readers.push(room.reader(1_999));
        assert_eq!(room.rendered, 6);
    }

    #[test]
    fn a_slow_reader_loses_its_text_only_if_others_need_the_room() {
        let mut room = Room::new();
        let slow = room.reader(0);
        let others: Vec<_> = (0..3).map(|_| room.reader(60_000)).collect();
        assert!(rest(&slow).is_some(), "nobody else has waited");
        let next = room.reader(60_001);
        assert!(rest(&slow).is_none());
        assert!(others.iter().chain([&next]).all(|one| rest(one).is_some()));
    }

    #[test]
    fn readers_of_several_forms_hold_at_most_thirteen_texts_as_well() {
        let all: Vec<_> = forms().collect();
        assert_eq!(most_held(&all), 13);
    }

    #[test]
    fn readers_share_a_text_only_if_they_want_the_same_form() {
        let mut room = Room::new();
        let mut readers: Vec<_> = (0..4).map(|_| room.reader(0)).collect();
        for (millis, rendered) in [(1, 7), (2, 7), (1_002, 11)] {
            for form in forms() {
                let reading = room.reader_of(form, millis);
                let text = rest(&reading).unwrap();
                let text = str::from_utf8(&text).unwrap();
                assert!(text.ends_with(&format!("{form:?}")), "{text}");
                readers.push(reading);
            }
            assert_eq!(room.rendered, rendered, "at {millis} ms");
        }
    }
}

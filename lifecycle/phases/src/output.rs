//! What programs write, as events by lines, and its end for messages.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::limits::{LINE_BYTES, OUTPUT_TAIL};
use crate::{Element, Event, Events, Phase, Stream};

/// Takes the pieces that a runner hands over from both streams.
pub(crate) struct Output<'a> {
    phase: Phase,
    element: &'a Element,
    events: &'a dyn Events,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Lines that are not complete yet.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    tail: VecDeque<u8>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(phase: Phase, element: &'a Element, events: &'a dyn Events) -> Self {
        Self {
            phase,
            element,
            events,
            state: Mutex::default(),
        }
    }

    pub(crate) fn take(&self, stream: Stream, piece: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tail.extend(piece);
        let excess = state.tail.len().saturating_sub(OUTPUT_TAIL);
        state.tail.drain(..excess);
        let begun = match stream {
            Stream::Stdout => &mut state.stdout,
            Stream::Stderr => &mut state.stderr,
        };
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            begun.extend_from_slice(part);
            if begun.ends_with(b"\n") {
                begun.pop();
                self.tell(stream, &std::mem::take(begun));
            }
            while begun.len() >= LINE_BYTES {
                let rest = begun.split_off(LINE_BYTES);
                self.tell(stream, begun);
                *begun = rest;
            }
        }
    }

    /// Tells of lines without an end; returns the last part of everything.
    pub(crate) fn finish(self) -> String {
        let mut state = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        for (stream, begun) in [
            (Stream::Stdout, &state.stdout),
            (Stream::Stderr, &state.stderr),
        ] {
            if !begun.is_empty() {
                tell(self.events, self.phase, self.element, stream, begun);
            }
        }
        String::from_utf8_lossy(state.tail.make_contiguous()).into_owned()
    }

    fn tell(&self, stream: Stream, line: &[u8]) {
        tell(self.events, self.phase, self.element, stream, line);
    }
}

fn tell(events: &dyn Events, phase: Phase, element: &Element, stream: Stream, line: &[u8]) {
    for line in line.chunks(LINE_BYTES) {
        let line = String::from_utf8_lossy(line).into_owned();
        events.tell(Event::Output {
            phase,
            element: element.clone(),
            stream,
            line,
        });
    }
}

//! What a container of ours writes, line by line. What is kept of it is bounded: one line, the lines of the piece that the
//! engine brought last (no other is asked for before they are taken), and the end of stderr.

use super::{Call, EngineError};
use crate::text::last_lines;
use bollard::container::LogOutput;
use futures_util::{Stream, StreamExt};
use std::{collections::VecDeque, pin::Pin, time::Duration};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// A longer line is none of ours. A load's result has a histogram for each second.
const LINE_LIMIT_BYTES: usize = 64 << 20;
/// The newest of stderr that is kept, for an error's last words.
const STDERR_LIMIT_BYTES: usize = 64 << 10;
/// Lines of stderr that an error shows.
const KEPT_LINES: usize = 20;
/// For whatever is written to a container's stdin.
const WRITE_LIMIT: Duration = Duration::from_secs(60);

/// Pieces of a container's output, as the engine brings them.
pub(super) type Pieces = Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>;

/// What a piped container writes, line by line. While this lives, the container's stdin is open.
pub struct Output {
    container: String,
    stream: Pieces,
    stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    stdout: Vec<u8>,
    lines: VecDeque<String>,
    longest_line_bytes: usize,
    /// Answers to questions that nobody has waited for.
    owed: usize,
    stderr: Vec<u8>,
}

impl Output {
    pub(super) fn new(container: &str, stream: Pieces, stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>) -> Self {
        let container = format!("container {container}");
        // It may be looked into after its end.
        let stream = Box::pin(stream.fuse());
        let (stdout, lines, stderr) = (Vec::new(), VecDeque::new(), Vec::new());
        Self { container, stream, stdin, stdout, lines, longest_line_bytes: LINE_LIMIT_BYTES, owed: 0, stderr }
    }

    /// Of a container whose output nobody hears.
    pub fn none(container: &str) -> Self {
        Self::new(container, Box::pin(futures_util::stream::empty()), None)
    }

    /// The same, but a line longer than this is an error.
    #[must_use]
    pub fn with_lines_up_to(self, bytes: usize) -> Self {
        Self { longest_line_bytes: bytes.min(LINE_LIMIT_BYTES), ..self }
    }

    /// The next whole line of stdout; `None` once it has ended. Can be dropped and called again.
    ///
    /// # Errors
    /// When the connection breaks, or a line has no end.
    pub async fn next_line(&mut self) -> Result<Option<String>, EngineError> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(Some(line));
            }
            match self.stream.next().await {
                None => return Ok(None),
                Some(Ok(LogOutput::StdErr { message })) => {
                    self.stderr.extend_from_slice(&message);
                    let excess = self.stderr.len().saturating_sub(STDERR_LIMIT_BYTES);
                    self.stderr.drain(..excess);
                }
                Some(Ok(other)) => self.take(&other.into_bytes())?,
                Some(Err(error)) => return Err(EngineError::new(Call::ReadOutput, &self.container, error)),
            }
        }
    }

    /// Asks by a line what is answered by one; `None` at the end. Can be dropped: an answer that comes later is not taken for
    /// that of the next question.
    ///
    /// # Errors
    /// As [`Self::next_line`].
    pub async fn ask(&mut self, question: &str) -> Result<Option<String>, EngineError> {
        self.owed += 1;
        self.write(question).await;
        loop {
            let answer = self.next_line().await?;
            self.owed -= 1;
            if self.owed == 0 || answer.is_none() {
                return Ok(answer);
            }
        }
    }

    /// What it wrote after its last line, once it has ended: of our own roles, a line that was cut off; others may end so.
    pub fn unended_line(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.stdout);
        (!rest.is_empty()).then(|| String::from_utf8_lossy(&rest).into_owned())
    }

    /// Writes to its stdin. A container that has ended, or does not read in time, is no error here: its silence says more.
    pub async fn write(&mut self, text: &str) {
        if let Some(stdin) = &mut self.stdin {
            let written = async {
                stdin.write_all(text.as_bytes()).await?;
                stdin.flush().await
            };
            let _ = timeout(WRITE_LIMIT, written).await;
        }
    }

    /// The last lines of stderr, for an error message.
    pub fn last_words(&self) -> String {
        last_lines(&self.stderr, KEPT_LINES)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        let mut parts = bytes.split(|&byte| byte == b'\n');
        let mut part = parts.next().unwrap_or_default();
        for next in parts {
            self.keep(part)?;
            self.lines.push_back(String::from_utf8_lossy(&self.stdout).into_owned());
            self.stdout.clear();
            part = next;
        }
        self.keep(part)
    }

    /// A part of a line.
    fn keep(&mut self, part: &[u8]) -> Result<(), EngineError> {
        if self.stdout.len() + part.len() > self.longest_line_bytes {
            let why = format!("a line of more than {} MiB", self.longest_line_bytes >> 20);
            return Err(EngineError::other(Call::ReadOutput, &self.container, why));
        }
        self.stdout.extend_from_slice(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> Output {
        Output::new("stack", Box::pin(futures_util::stream::empty()), None)
    }

    #[test]
    fn lines_are_joined_from_any_pieces() {
        let mut output = output();
        for piece in ["on", "e\ntwo", "\n", "\nthree"] {
            output.take(piece.as_bytes()).expect("short");
        }
        assert_eq!(output.lines, ["one", "two", ""]);
        assert_eq!([output.unended_line(), output.unended_line()], [Some("three".into()), None]);
    }

    #[test]
    fn a_line_without_an_end_is_an_error_that_names_the_container() {
        let mut output = output();
        let chunk = vec![b'x'; 1 << 20];
        let error = (0..=64).find_map(|_| output.take(&chunk).err()).expect("it is too long");
        assert_eq!(error.to_string(), "reading the output of container stack: a line of more than 64 MiB");
    }

    #[test]
    fn a_shorter_limit_holds_for_a_line_that_ends_too() {
        let mut output = output().with_lines_up_to(1 << 20);
        output.take(&[vec![b'x'; 1 << 20], b"\n".to_vec()].concat()).expect("just short enough");
        let error = output.take(&[vec![b'x'; (1 << 20) + 1], b"\n".to_vec()].concat()).expect_err("too long");
        assert_eq!(error.to_string(), "reading the output of container stack: a line of more than 1 MiB");
    }

    #[tokio::test]
    async fn a_late_answer_is_not_the_next_question_s() {
        let (answers, pieces) = tokio::sync::mpsc::unbounded_channel();
        let pieces = futures_util::stream::unfold(pieces, |mut pieces| async { Some((pieces.recv().await?, pieces)) });
        let mut output = Output::new("stack", Box::pin(pieces), None);
        let answer = |text: &'static str| answers.send(Ok(LogOutput::StdOut { message: text.into() })).expect("heard");
        answer("first\n");
        assert_eq!(output.ask("").await.expect("it goes on"), Some("first".into()));
        assert!(timeout(Duration::from_millis(1), output.ask("")).await.is_err());
        answer("late\nthird\n");
        assert_eq!(output.ask("").await.expect("it goes on"), Some("third".into()));
    }

    #[test]
    fn bytes_that_are_no_text_are_no_panic() {
        let mut output = output();
        output.take(b"\xff\xfe\n").expect("short");
        assert_eq!(output.lines, ["\u{fffd}\u{fffd}"]);
    }
}
